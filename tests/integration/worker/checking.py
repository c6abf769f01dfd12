"""The promises of tests/chaos for the jobs of one test, and faults for its processes."""

from pathlib import Path
from typing import Any

from sqlalchemy import text

from service.db import Database
from service.settings import Settings
from tests.architecture.tree import ROOT
from tests.chaos.invariants import check
from tests.stack import Spec, Stack, digits_spec

FAULTS = Path(__file__).parent / "faults"


def fault(name: str) -> dict[str, str]:
    """The environment in which a process has this fault: see faults/sitecustomize.py."""
    return {"PYTHONPATH": f"{FAULTS}:{ROOT}", "SUBGRAD_FAULT": name}


def some_specs(count: int, **changes: Any) -> list[Spec]:
    """Jobs that train together, or not: half of them have another batch size."""
    return [digits_spec(seed=i, batch_size=64 + i % 2, **changes) for i in range(count)]


def assert_undisturbed(settings: Settings, job_ids: list[str]) -> None:
    """All of the service's jobs, which these are, succeeded with the numbers they have alone."""
    database = Database(settings.resolved_database_url)
    check(database, job_ids)
    database.dispose()


def read(stack: Stack, query: str) -> list[tuple[Any, ...]]:
    database = Database(stack.settings.resolved_database_url)
    with database.reading() as session:
        rows = [tuple(row) for row in session.execute(text(query))]
    database.dispose()
    return rows
