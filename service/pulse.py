"""Signs of life of the processes that serve no HTTP: files in the home folder that a loop touches.

`python -m service.pulse NAME` is the health check of such a container. It knows neither database
nor broker: it reads what the process itself found out about them.
"""

import sys
import time
from pathlib import Path

import structlog

from service.settings import Settings

_log = structlog.get_logger(__name__)

_TOUCH_EVERY_S = 1.0
_FRESH_S = 30.0
"""Longer than any wait within one turn of a loop: for a lock of SQLite, say."""

_USAGE = 2


class Pulse:
    """The pulse of one process: it beats with every turn of its main loop."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._folder = _folder(settings)
        self._name = name
        self._next = 0.0

    def beat(self, *, ready: bool) -> None:
        """The loop has turned; `ready` if it could also do its work. Cheap to call often."""
        if time.monotonic() < self._next:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for sign in ("alive", "ready") if ready else ("alive",):
                (self._folder / f"{self._name}.{sign}").touch()
        except OSError as error:  # a full disk is no reason to stop; the health check tells of it
            _log.warning("no sign of life can be left", error=str(error))
        self._next = time.monotonic() + _TOUCH_EVERY_S


def is_fresh(settings: Settings, name: str, sign: str) -> bool:
    """Whether the process of that name gave that sign ("alive" or "ready") within 30 s."""
    try:
        touched = (_folder(settings) / f"{name}.{sign}").stat().st_mtime
    except OSError:
        return False
    return abs(time.time() - touched) < _FRESH_S


def _folder(settings: Settings) -> Path:
    return settings.resolved_home / "pulse"


def main() -> int:
    """`python -m service.pulse NAME [alive]`: 0 if it can do its work (or at least turns), else
    1."""
    match sys.argv[1:]:
        case [name]:
            sign = "ready"
        case [name, "alive"]:
            sign = "alive"
        case _:
            sys.stderr.write("usage: python -m service.pulse NAME [alive]\n")
            return _USAGE
    if is_fresh(Settings(), name, sign):
        return 0
    sys.stderr.write(f"{name} has not been {sign} for {_FRESH_S:g} s\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
