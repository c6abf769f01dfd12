"""Removes objects that nobody needs from the store, whether or not new ones still go there."""

import threading

import structlog

from service.artifacts import SWEEP_EVERY_S, Store, sweep
from service.db import UNAVAILABLE, Database

_log = structlog.get_logger(__name__)


def sweep_always(database: Database, store: Store, stop: threading.Event) -> None:
    """Sweeps until told to stop. A database or a store that is away is waited for."""
    while not stop.is_set():
        try:
            swept = sweep(database, store)
        except UNAVAILABLE as error:
            _log.warning("waiting for the database", error=str(error).splitlines()[0])
            swept = 0
        except Exception:  # without this thread the store would fill, and nobody see why
            _log.exception("the sweeper goes on")
            swept = 0
        if swept:
            _log.info("removed objects that no row names", objects=swept)
        stop.wait(0 if swept else SWEEP_EVERY_S)
