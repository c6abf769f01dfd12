"""The Celery application, and the supervisor's life tied to the worker's."""

import os
import threading
import warnings
from typing import Any
from uuid import uuid4

from celery.apps import worker as celery_worker
from celery.platforms import SecurityWarning
from celery.signals import (
    setup_logging,
    task_postrun,
    worker_init,
    worker_shutdown,
    worker_shutting_down,
)
from celery.worker import state

from service.observability import logs, tracing
from service.queue import BROKER_ERRORS, HEAR_TASK, TRAIN_TASK, create_celery, queues
from service.settings import Settings
from workers.device import place
from workers.hearing import Hearing
from workers.prefetch import WakeConsumer, note_done
from workers.supervisor import Supervisor
from workers.waking import Waking

# Celery warns root of messages that run code when they are unpickled; ours are JSON.
warnings.simplefilter("ignore", SecurityWarning)

# And when it is told to stop it prints a line past every log: no JSON, where all others are.
celery_worker.safe_say = lambda *_, **__: None

_DEAF_EXIT = 70
_DEAF_GRACE_S = 10.0

settings = Settings()
# This process's own queue, for hearing and waking itself. The broker may forget it soon after the
# worker.
EARS = f"{settings.queue}.ears.{uuid4().hex}"
placements = place(settings)
app = create_celery(settings)
app.conf.update(
    include=["workers.tasks"],
    task_queues=queues(
        settings.queue, EARS, has_gpu=any(placement.gpu is not None for placement in placements)
    ),
    # Threads: the work is done in training processes, a thread only waits for one.
    worker_pool="threads",
    worker_concurrency=len(placements),
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)

app.steps["consumer"].add(WakeConsumer)

supervisor: Supervisor | None = None
hearing: Hearing | None = None
waking: Waking | None = None
exit_code = 0
"""With what the process is to end, besides Celery's own reasons."""


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: Any) -> None:
    logs.configure(settings.log_format)


@worker_init.connect  # type: ignore[untyped-decorator]
def _start(**_: Any) -> None:
    global supervisor, hearing, waking  # noqa: PLW0603  (one per process; Celery's signals carry no state)
    tracing.configure(settings.traces_url, "worker")
    supervisor = own = Supervisor(settings, placements)
    supervisor.start()
    hearing = Hearing(
        send=lambda token: app.send_task(HEAR_TASK, args=[token], queue=EARS, retry=False),
        away=BROKER_ERRORS,
        is_idle=lambda: own.is_idle,
        on_deaf=_exit_deaf,
        deaf_after_s=settings.deaf_after_s,
    )
    hearing.start()
    waking = Waking(
        count_wanted=own.count_wanted,
        send=lambda: app.send_task(TRAIN_TASK, queue=EARS, retry=False),
        away=BROKER_ERRORS,
        every_s=settings.republish_s,
    )
    waking.start()


def _exit_deaf() -> None:
    """Ends this worker for another to be started in its place: in order, or else by force."""
    global exit_code  # noqa: PLW0603
    exit_code = _DEAF_EXIT
    if supervisor is not None:
        supervisor.stop()
    last_resort = threading.Timer(_DEAF_GRACE_S, os._exit, [_DEAF_EXIT])
    last_resort.daemon = True
    last_resort.start()
    state.should_stop = _DEAF_EXIT


@task_postrun.connect  # type: ignore[untyped-decorator]
def _take_another(task_id: str, **_: Any) -> None:
    note_done(task_id)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    if hearing is not None:
        hearing.stop()
    if waking is not None:
        waking.stop()
    if supervisor is not None:
        supervisor.stop()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    if supervisor is not None:
        supervisor.close()
    tracing.close()
