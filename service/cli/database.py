"""For the commands that work on the database of the settings, and not through the API."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.cli.program import ExitCode, fail, read_settings
from service.domain.errors import DomainError

if TYPE_CHECKING:
    from service.db import Database

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        fail(ExitCode.USAGE, f"{text!r} is no time: give a number and s, m, h or d, such as 90d.")
    return int(found[1]) * _SECONDS[found[2]]


@contextmanager
def open_database() -> "Iterator[Database]":
    from service.db import UNAVAILABLE, Database  # noqa: PLC0415
    from service.db.migrate import is_migrated, upgrade  # noqa: PLC0415

    settings = read_settings()
    database = Database(settings.resolved_database_url)
    try:
        if not settings.database_url:
            upgrade(database)  # the embedded default, which `up` would bring up to date
        elif not is_migrated(database):
            fail(ExitCode.REFUSED, "Bring the database up to date: python -m service.db.migrate.")
        yield database
    except DomainError as error:
        fail(ExitCode.REFUSED, str(error))
    except UNAVAILABLE as error:
        fail(ExitCode.UNREACHABLE, f"The database does not answer: {str(error).splitlines()[0]}")
    finally:
        database.dispose()
