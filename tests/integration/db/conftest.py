"""A database of many rows is filled once for all tests of a file."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.conftest import new_database


@pytest.fixture(scope="module")
def filled_once(postgres_url: str, postgres_template: str) -> Iterator[Database]:
    """On PostgreSQL, empty for the file's own fixture to fill."""
    with new_database(postgres_url, postgres_template) as (_, url):
        database = Database(url)
        yield database
        database.dispose()
