"""The Celery application, and the supervisor's life tied to the worker's."""

import warnings
from typing import Any

from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_init, worker_shutdown, worker_shutting_down

from service import logs
from service.queue import create_celery
from service.settings import Settings
from workers.supervisor import Supervisor

# Celery warns root of messages that run code when they are unpickled; ours are JSON.
warnings.simplefilter("ignore", SecurityWarning)

settings = Settings()
app = create_celery(settings)
app.conf.update(
    include=["workers.tasks"],
    # Threads: the work is done in training processes, a thread only waits for one.
    worker_pool="threads",
    worker_concurrency=settings.worker_slots,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)

supervisor: Supervisor | None = None


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: Any) -> None:
    logs.configure(settings)


@worker_init.connect  # type: ignore[untyped-decorator]
def _start(**_: Any) -> None:
    global supervisor  # noqa: PLW0603  (one per process; Celery's signals carry no state)
    supervisor = Supervisor(settings)
    supervisor.start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    if supervisor is not None:
        supervisor.stop()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    if supervisor is not None:
        supervisor.close()
