"""How long PostgreSQL may be silent before it counts as away (docs/decisions/087-silence.md).

A machine that is cut off says no goodbye: by TCP's own rules a client waits a quarter of an hour
for what it has sent to arrive, and two hours for the answer.
"""

import threading
import time
from typing import Any

from sqlalchemy import Dialect

_CONNECT_TIMEOUT_S = 5
_SILENCE_S = 10
"""For so long a connection may be silent that something is awaited from."""
_SLOW_S = 1.0

SERVER_SETTINGS = {
    "tcp_keepalives_idle": f"{_SILENCE_S // 2}s",
    "tcp_keepalives_interval": "2s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": f"{_SILENCE_S}s",
}
"""What the server is told of its side of each connection: the locks of who is cut off would stay,
and their sessions fill the server."""


def connect_options() -> dict[str, Any]:
    """What the driver is told of each connection."""
    return {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "tcp_user_timeout": _SILENCE_S * 1000,
        "keepalives_idle": _SILENCE_S // 2,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }


class Reach:
    """Makes the connections of a process. Of a server that lets callers wait one caller at a time
    finds out whether it answers again; the others are told at once that it is away. Else a crowd
    of requests would wait in line, each for its own time-out."""

    def __init__(self) -> None:
        self._is_away = False
        self._trying = threading.Lock()

    def connect(
        self, dialect: Dialect, _record: Any, arguments: list[Any], options: dict[str, Any]
    ) -> Any:
        """As SQLAlchemy's event `do_connect` asks for a connection of the driver."""
        if not self._is_away:
            return self._try(dialect, arguments, options)
        if not self._trying.acquire(blocking=False):
            raise dialect.loaded_dbapi.OperationalError(
                "the database did not answer a moment ago; it is being asked again"
            )
        try:
            return self._try(dialect, arguments, options)
        finally:
            self._trying.release()

    def _try(self, dialect: Dialect, arguments: list[Any], options: dict[str, Any]) -> Any:
        began = time.monotonic()
        try:
            connection = dialect.connect(*arguments, **options)
        except dialect.loaded_dbapi.OperationalError:
            # Who refuses at once costs nobody any time.
            self._is_away = time.monotonic() - began > _SLOW_S
            raise
        self._is_away = False
        return connection
