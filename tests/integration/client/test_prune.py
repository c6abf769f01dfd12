"""`subgrad prune`, on a database of its own."""

from pathlib import Path

from service.db import Database
from service.domain.states import Outcome
from tests.integration.client.commands import CommandLine, Ran
from tests.integration.db.record import find, finish, queue, rows, running


def test_old_jobs_are_pruned_on_the_database(tmp_path: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    job_id, held = running(database)
    finish(database, held, outcome=Outcome.COMPLETED)
    waiting = queue(database)
    local = CommandLine("http://127.0.0.1:1")
    here = {"SUBGRAD_HOME": str(tmp_path)}

    def prune(*options: str) -> Ran:
        return local("prune", *options, "--json", environment=here)

    assert prune("--older-than", "1d").json == {
        "dry_run": False,
        "jobs": {},
        "sweeps": 0,
        "objects": 0,
    }
    told = prune("--older-than", "0s", "--dry-run").json
    assert told == {"dry_run": True, "jobs": {"succeeded": 1}, "sweeps": 0, "objects": 0}
    assert find(database, job_id).status == "succeeded"
    assert prune("--older-than", "0s").json["jobs"] == {"succeeded": 1}
    assert rows(database, "SELECT id FROM jobs") == [(waiting,)]
    database.dispose()
    assert prune("--older-than", "soon").code == 2
    assert prune("--older-than", "0s", "--status", "queued").code == 2
