"""The way to the workers: sends task names and ids. Knows the broker, not the workers.

A message is a hint that a job waits. The database owns the job, so a message may be lost, doubled
or late without harm; there is no result backend, no ETA and no revoke.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection, Queue  # type: ignore[attr-defined]
from kombu.exceptions import OperationalError

from service.settings import Settings

TRAIN_TASK = "subgrad.train"
HEAR_TASK = "subgrad.hear"

BROKER_ERRORS = (OperationalError, ConnectionError, TimeoutError)
"""What sending raises while the broker is away."""


_LOOK_EVERY_S = 5.0


class _Connection(Connection):
    """Looks for a broker that is away every few seconds. Celery asks ever more seldom, in the end
    every half minute, for which time jobs would wait after the broker is back."""

    def ensure_connection(self, *given: Any, **options: Any) -> Any:
        patient = {"interval_max": _LOOK_EVERY_S, **options}
        return super().ensure_connection(*given, **patient)  # type: ignore[no-untyped-call]


class _Amqp(AMQP):  # type: ignore[misc]
    Connection = _Connection


@cache
def _sending(transport: Any) -> Any:
    """Kombu's transport by Redis, with channels that keep their client, which threads may share.
    Kombu makes one for each message, and that takes as long as to send it."""

    class Channel(transport.Channel):  # type: ignore[misc]
        @cached_property
        def _kept(self) -> Any:
            return self._create_client()

        @contextmanager
        def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
            yield client or self._kept

    # Named when it is needed: who does not send does not import Redis's client.
    return type("SendingTransport", (transport,), {"Channel": Channel})


class _SendingConnection(_Connection):
    def get_transport_cls(self) -> Any:
        found: Any = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return _sending(found) if found.driver_type == "redis" else found


class _SendingAmqp(AMQP):  # type: ignore[misc]
    Connection = _SendingConnection


def create_celery(settings: Settings, amqp: type[Any] = _Amqp) -> Celery:
    """The Celery application that senders and workers configure alike."""
    app = Celery("subgrad", broker=settings.resolved_broker_url, amqp=amqp)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_default_queue=settings.queue,
        # Acknowledge early: a job whose worker dies is found by its lease, in the database.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        # Acknowledged early, a message more would come at once and wait behind the one at work,
        # while another worker is idle. RabbitMQ knows no way to ask for none: see 094.
        worker_disable_prefetch=_is_redis(settings.resolved_broker_url),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A broker that restarts is no reason to stop training.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options=_transport_options(settings.resolved_broker_url),
    )
    return app


def _transport_options(url: str) -> dict[str, Any]:
    if not _is_redis(url):
        return {}
    return {
        "socket_connect_timeout": 2.0,
        "socket_timeout": 5.0,
        "max_retries": 1,
        # No time-out of a socket bounds a worker's wait for messages: this does, to twice as long.
        "health_check_interval": 5,
    }


def _is_redis(url: str) -> bool:
    return url.startswith(("redis", "valkey"))


def queues(shared: str, own: str, *, has_gpu: bool) -> list[Any]:
    """What a worker listens to: the queue of all workers, that of those with a GPU if it is one,
    and one of its own, which the broker (RabbitMQ, that is) may remove once nobody has used it for
    ten minutes."""
    common = [shared, _for_gpus(shared)] if has_gpu else [shared]
    return [*map(Queue, common), Queue(own, expires=600)]  # type: ignore[no-untyped-call]


def _for_gpus(shared: str) -> str:
    return f"{shared}.gpu"


class TrainQueue:
    """Announces jobs to the workers. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._app, self._queue = create_celery(settings, _SendingAmqp), settings.queue
        self._producer: Any = None

    def announce(self, job_id: str, *, needs_gpu: bool = False) -> None:
        """Tells one worker, or one with a GPU, that this job waits. Raises one of
        BROKER_ERRORS."""
        queue = _for_gpus(self._queue) if needs_gpu else self._queue
        if self._producer is None:
            self._producer = self._app.amqp.Producer(self._app.connection_for_write())
        try:
            self._app.send_task(
                TRAIN_TASK, args=[job_id], queue=queue, retry=False, producer=self._producer
            )
        except BROKER_ERRORS:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(*BROKER_ERRORS):
                producer.connection.release()

    def close(self) -> None:
        self._hang_up()
        self._app.close()


def broker_is_reachable(settings: Settings, timeout_s: float = 1.0) -> bool:
    """Whether the broker answers within the time."""
    app = create_celery(settings)
    app.conf.broker_connection_timeout = timeout_s
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout_s)
    except BROKER_ERRORS:
        return False
    finally:
        app.close()
    return True
