"""Several processes that serve one address.

Uvicorn starts them, starts one that died again, and ends them. They share the listening socket and
nothing else: what a process of the API remembers is its own, or in the database, or in Redis.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from fastapi import FastAPI

from service.api.app import create_app
from service.observability import logs, tracing
from service.settings import Settings, share_counts

APPLICATION = f"{__name__}:application"
"""By name: each process makes its own."""

HEALTHY_WITHIN_S = 30
"""One that does not answer uvicorn for so long is killed. A busy machine alone must not do that."""


@contextmanager
def counting_together() -> Iterator[None]:
    """Processes that are started within the block count where one can read it for all."""
    with TemporaryDirectory(prefix="subgrad-api-") as folder:
        share_counts(folder)
        yield


def application() -> FastAPI:
    """What each of several processes serves."""
    settings = Settings()
    logs.configure(settings.log_format)
    tracing.configure(settings.traces_url, "api")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return create_app(settings)


def _end_with_parent() -> None:
    """A parent that is killed cannot end its processes, and they would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
