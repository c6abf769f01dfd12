"""What a schema may change while the newest release still runs on it: see docs/upgrading.md.

The rules are checked on what the databases themselves tell, so every new migration is covered.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command

from service.db import Database
from tests.migrations.schemas import Schema, run_command, schema
from tests.upgrades.release import releases

Table = dict[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """What code that was written for the old schema trips over on the new one."""
    found = [f"{table} is gone" for table in old if table not in new]
    for table in old.keys() & new.keys():
        before, after = old[table], new[table]
        found += [f"{table}.{problem}" for problem in _of_columns(before, after)]
        for kind in ("primary key", "unique", "checks"):
            if before[kind] != after[kind]:
                found.append(f"{table}: another {kind}")
        # One that is gone makes nothing fail; docs/upgrading.md says what it leaves behind.
        if any(key not in before["foreign keys"] for key in after["foreign keys"]):
            found.append(f"{table}: new foreign key")
        if _unique_indexes(after) - _unique_indexes(before):
            found.append(f"{table}: new unique index")
    return sorted(found)


def _of_columns(before: Table, after: Table) -> Iterator[str]:
    columns = {column["name"]: column for column in after["columns"]}
    for column in before["columns"]:
        name, now = column["name"], columns.pop(column["name"], None)
        if now is None:
            yield f"{name} is gone"
            continue
        if now["type"] != column["type"]:
            yield f"{name} was {column['type']} and is {now['type']}"
        if column["nullable"] and not now["nullable"]:
            yield f"{name} must be given now"
        if column["default"] is not None and now["default"] is None:
            yield f"{name} has no default any more"
    for name, column in columns.items():  # the new ones
        if not column["nullable"] and column["default"] is None:
            yield f"{name} is new and must be given"


def _unique_indexes(table: Table) -> set[str]:
    return {index["name"] for index in table["indexes"] if index["unique"]}


def test_the_newest_release_runs_on_the_newest_schema(empty: Database) -> None:
    run_command(empty, command.upgrade, releases()[0].schema)
    released = schema(empty)
    run_command(empty, command.upgrade, "head")
    assert breaks(released, schema(empty)) == []


def table(*columns: Table, **rest: Any) -> Table:
    empty: Table = {"primary key": {}, "foreign keys": [], "unique": [], "checks": []}
    return empty | {"indexes": [], "columns": list(columns)} | rest


def column(
    name: str = "a", *, kind: str = "TEXT", nullable: bool = True, default: Any = None
) -> Any:
    return {"name": name, "type": kind, "nullable": nullable, "default": default}


@pytest.mark.parametrize(
    ("new", "complaint"),
    [
        ({}, "t is gone"),
        ({"t": table()}, "t.a is gone"),
        ({"t": table(column(kind="INTEGER"))}, "t.a was TEXT and is INTEGER"),
        ({"t": table(column(nullable=False))}, "t.a must be given now"),
        (
            {"t": table(column(), column("b", nullable=False))},
            "t.b is new and must be given",
        ),
        ({"t": table(column(), unique=[{"column_names": ["a"]}])}, "t: another unique"),
        ({"t": table(column(), checks=[{"sqltext": "a > 0"}])}, "t: another checks"),
        ({"t": table(column(), **{"foreign keys": [{"name": "f"}]})}, "t: new foreign key"),
        (
            {"t": table(column(), indexes=[{"name": "i", "unique": True}])},
            "t: new unique index",
        ),
    ],
)
def test_what_would_break_it_is_found(new: Schema, complaint: str) -> None:
    assert breaks({"t": table(column())}, new) == [complaint]


def test_what_does_not_break_it_is_allowed() -> None:
    more = table(
        column(),
        column("b"),
        column("c", nullable=False, default="0"),
        indexes=[{"name": "i", "unique": False}],
    )
    checked = table(column(), **{"foreign keys": [{"name": "f"}]})
    assert breaks({"t": checked}, {"t": more, "another": table(column())}) == []
