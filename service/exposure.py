"""Whether the API may be reached from where it is told to be reached."""

from service.db import Database, keys
from service.settings import Settings


class ExposedWithoutKey(Exception):
    """Anybody could reach the API, and no key was ever made."""


def check_exposure(settings: Settings) -> None:
    """Raises ExposedWithoutKey where others than this machine's users reach the API and there is
    no key that they could be asked for."""
    if not settings.is_exposed:
        return
    database = Database(settings.resolved_database_url)
    try:
        with database.reading() as session:
            if keys.any_exist(session):
                return
    finally:
        database.dispose()
    at = settings.published_host or settings.host
    raise ExposedWithoutKey(
        f"The API would be reached at {at}, beyond this machine, and there is no API key: anybody "
        "could use it. Make a key (subgrad keys create NAME), or set SUBGRAD_HOST to 127.0.0.1. "
        "Where what it listens on is published on this machine alone, as by docker-compose.yml, "
        "say so by SUBGRAD_PUBLISHED_HOST=127.0.0.1."
    )
