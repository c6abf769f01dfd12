"""SQLite, the embedded default, under many clients at once."""

from pathlib import Path

from service.db import Database
from service.settings import Settings
from tests.chaos.crowd import Crowd, crowd
from tests.chaos.invariants import check

JOBS = 80


def test_nobody_ever_finds_the_database_locked(
    tmp_path: Path, sqlite_url: str, broker_url: str
) -> None:
    def too_few(told: Crowd) -> bool:
        return len(told.accepted) + len(told.refused) < JOBS and not told.complaints

    settings = Settings(home=tmp_path, database_url=sqlite_url, broker_url=broker_url)
    told = crowd(settings, tmp_path / "log", goes_on=too_few)
    assert (told.refused, told.complaints) == ([], [])
    assert told.reads > 0
    database = Database(sqlite_url)
    check(database, told.accepted)
    database.dispose()
