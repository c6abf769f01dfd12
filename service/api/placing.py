"""Whether a worker is there that can train on the device that a spec asks for."""

from collections.abc import Iterable

from service.db import Database, workers
from service.domain.job import SpecWarning
from service.domain.spec import JobSpec
from service.settings import Settings


def warn_of_device(
    specs: Iterable[JobSpec], database: Database, settings: Settings
) -> list[SpecWarning]:
    """A job for a GPU waits for one, however long; that there is none at the moment is said.
    Asks the database only where one of the specs needs a GPU."""
    if all(spec.device != "cuda" for spec in specs):
        return []
    with database.reading() as session:
        gpus = workers.live_gpus(session, within_s=settings.lease_s)
    if gpus:
        return []
    return [
        SpecWarning(
            code="no_gpu",
            pointer="/device",
            detail=f"no worker with a GPU was heard of for {settings.lease_s:g} s: the job waits "
            'until there is one; "auto" takes what there is',
        )
    ]
