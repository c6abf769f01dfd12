"""Going back and forth between revisions loses nothing that both of them can hold."""

from alembic import command
from alembic.script import ScriptDirectory

from service.db import Database
from service.db.migrate import config, upgrade
from service.db.tables import Base
from tests.migrations.rows import contents, fill, shared
from tests.migrations.schemas import run_command


def revisions(database: Database) -> list[str]:
    """All of them, the newest first."""
    with database.write_connection() as connection:
        script = ScriptDirectory.from_config(config(connection))
    return [one.revision for one in script.walk_revisions()]


def test_every_step_down_and_up_keeps_what_both_sides_can_hold(empty: Database) -> None:
    upgrade(empty)
    fill(empty)
    assert set(contents(empty)) == set(Base.metadata.tables)
    newest_first = revisions(empty)
    down = [(command.downgrade, revision) for revision in newest_first[1:]]
    up = [(command.upgrade, revision) for revision in reversed(newest_first[:-1])]
    for move, revision in down + up:
        before = contents(empty)
        run_command(empty, move, revision)
        after = contents(empty)
        for table, rows in before.items():
            # A table may go or come; one that stays keeps every row.
            assert table not in after or len(after[table]) == len(rows), (revision, table)
        assert shared(after, before) == shared(before, after), revision
    oldest = {"jobs", "outbox", "epoch_metrics", "layer_metrics", "unit_activity", "job_statuses"}
    assert {name for name, rows in contents(empty).items() if rows} >= oldest
