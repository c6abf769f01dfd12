"""The tasks: each only passes its hint on to the supervisor."""

from service.queue import TRAIN_TASK
from workers import app as shell


@shell.app.task(name=TRAIN_TASK)  # type: ignore[untyped-decorator]
def train(job_id: str) -> None:
    """A job waits: claim it, with its cohort, and see it through."""
    if shell.supervisor is not None:
        shell.supervisor.train(job_id)
