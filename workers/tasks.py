"""The tasks: each only passes on what it was told."""

from service.queue import HEAR_TASK, TRAIN_TASK
from workers import app as shell


@shell.app.task(name=TRAIN_TASK)  # type: ignore[untyped-decorator]
def train(job_id: str = "") -> None:
    """Something waits: claim what is next in line, and see it through. Names no job where this
    worker has found out by itself."""
    if shell.supervisor is not None:
        shell.supervisor.train(job_id)


@shell.app.task(name=HEAR_TASK)  # type: ignore[untyped-decorator]
def hear(token: str) -> None:
    """This worker's own message has come through."""
    if shell.hearing is not None:
        shell.hearing.hear(token)
