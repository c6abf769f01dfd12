"""`python -m service.dispatch`: relay and reaper in one loop, conductor and sweeper beside it,
until SIGINT or SIGTERM."""

import signal
import threading
import time
from contextlib import suppress

import structlog

from service.artifacts import Store
from service.db import UNAVAILABLE, Database
from service.dispatch.conductor import conduct
from service.dispatch.doorbell import Doorbell
from service.dispatch.reaper import reap
from service.dispatch.relay import announce_due
from service.dispatch.sweeper import sweep_always
from service.dispatch.tidying import tidy
from service.domain.ids import new_id
from service.hints import Hints
from service.observability import logs
from service.observability.reporting import Reporter
from service.pulse import Pulse
from service.queue import BROKER_ERRORS, TrainQueue
from service.settings import Settings

_REPORT_EVERY_S = 3.0

_log = structlog.get_logger("service.dispatch")


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)


def run(settings: Settings, stop: threading.Event) -> None:
    """Relays, reaps and conducts until told to stop. A database or broker that is away is waited
    for."""
    database, queue = Database(settings.resolved_database_url), TrainQueue(settings)
    store = Store(settings.artifacts_url, stop)
    reporter = Reporter(new_id("dsp"), "dispatch")
    hints = Hints(settings)
    database.on_ended, database.on_changed = reporter.hear_of_ended, hints.tell
    pulse, doorbell = Pulse(settings, "dispatch"), Doorbell(settings, stop)
    reap_every_s = min(settings.lease_s / 3, 5.0)
    next_reap = next_report = time.monotonic()
    # On threads of their own: a conclusion may take seconds, and so may the object store, in which
    # jobs must not wait. They end with the process; a study that it held is taken up by another
    # when its lease runs out, and an object that it was about to remove a minute later.
    threading.Thread(
        target=conduct, args=(settings, database, store, stop), name="conductor", daemon=True
    ).start()
    threading.Thread(
        target=sweep_always, args=(database, store, stop), name="sweeper", daemon=True
    ).start()
    doorbell.start()
    while not stop.is_set():
        doorbell.wait()
        try:
            if time.monotonic() >= next_reap:
                reap(database, max_attempts=settings.max_attempts)
                tidy(database, settings)
                next_reap = time.monotonic() + reap_every_s
            if time.monotonic() >= next_report:
                with database.writing() as session:
                    reporter.report(session)
                next_report = time.monotonic() + _REPORT_EVERY_S
            if announce_due(database, queue, republish_s=settings.republish_s):
                doorbell.answered()
            pulse.beat(ready=True)
        except (*BROKER_ERRORS, *UNAVAILABLE) as error:
            _log.warning("waiting for database or broker", error=str(error).splitlines()[0])
            pulse.beat(ready=False)
            stop.wait(1.0)
    with suppress(*UNAVAILABLE), database.writing() as session:
        reporter.report(session)  # the last figures
    queue.close()
    hints.close()
    database.dispose()


if __name__ == "__main__":
    main()
