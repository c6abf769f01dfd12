"""Announces the queued jobs whose announcement is due."""

from service.db import Database, outbox
from service.queue import TrainQueue

_BATCH = 200


def announce_due(database: Database, queue: TrainQueue, *, republish_s: float) -> int:
    """Announces what is due now and returns how many jobs that were.

    The message goes out before the row is marked: a crash between the two announces a job twice,
    which is harmless; the other order could lose it. No transaction is open while the broker is
    spoken to. Raises one of `queue.BROKER_ERRORS`; what was announced until then is marked.
    """
    with database.reading() as session:
        job_ids = outbox.due(session, limit=_BATCH)
        needing_gpu = outbox.needing_gpu(session, job_ids) if job_ids else set()
    announced: list[str] = []
    try:
        for job_id in job_ids:
            queue.announce(job_id, needs_gpu=job_id in needing_gpu)
            announced.append(job_id)
    finally:
        if announced:
            with database.writing() as session:
                outbox.mark_announced(session, announced, republish_s=republish_s)
    return len(announced)
