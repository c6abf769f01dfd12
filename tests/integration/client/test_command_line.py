"""The commands against a real service: what they print, and how they end."""

import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from service.client import Subgrad
from service.domain.job import Job
from service.domain.metrics import EPOCH_COLUMNS
from service.domain.states import JobStatus
from tests.integration.client.commanded import LONG, SPEC, SWEEP
from tests.integration.client.commands import CommandLine, is_readable
from tests.integration.client.scripted import Answer, Scripted
from tests.servers import free_port
from tests.specs import SMALL


def test_a_file_is_submitted_and_followed(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(SPEC)
    done = run("submit", str(file), "--watch")
    assert done.code == 0
    told = done.out.splitlines()
    assert told[0] == "queued"
    assert any(line.startswith("epoch 3  train_loss ") for line in told)
    assert "succeeded, 100% done" in done.out
    assert is_readable(done.out)


def test_standard_input_is_submitted_with_its_priority(run: CommandLine) -> None:
    done = run("submit", "-", "--priority", "5", "--json", stdin=SPEC)
    assert done.code == 0
    assert done.json["priority"] == 5
    told = run("submit", "-", stdin=SPEC).out
    assert told.startswith("job_")
    assert is_readable(told)


def test_one_key_is_one_job(run: CommandLine) -> None:
    ids = {
        run("submit", "-", "--idempotency-key", "k", "--json", stdin=SPEC).json["id"]
        for _ in range(2)
    }
    assert len(ids) == 1


def test_a_dry_run_tells_the_plan(run: CommandLine) -> None:
    told = run("submit", "-", "--dry-run", stdin=SPEC)
    assert "parameters" in told.out
    assert run("submit", "-", "--dry-run", "--json", stdin=SPEC).json["steps"] > 0
    assert "members" in run("sweep", "-", "--dry-run", stdin=SWEEP).out


def test_following_tells_programs_every_event(run: CommandLine, trained: Job) -> None:
    done = run("watch", trained.id, "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["event"] for event in events[-2:]] == ["status", "end"]
    assert [event["data"]["epoch"] for event in events if event["event"] == "epoch"] == [0, 1, 2, 3]
    assert done.code == 0


def test_a_cancelled_job_ends_its_watch_with_1(run: CommandLine, stopped: Job) -> None:
    done = run("watch", stopped.id)
    assert done.code == 1
    assert "cancelled" in done.out
    assert is_readable(done.out)


def test_jobs_are_listed_by_filters(run: CommandLine, client: Subgrad) -> None:
    ids = [client.jobs.create(SMALL | {"name": "listed", "seed": n}).id for n in range(3)]
    for job_id in ids:
        client.jobs.wait(job_id)
    found = run("ls", "--name", "listed", "--status", "succeeded", "--limit", "2", "--json").json
    assert [job["id"] for job in found] == ids[:0:-1]
    shown = run("ls", "--name", "listed")
    assert all(job_id in shown.out for job_id in ids)
    assert is_readable(shown.out)
    assert run("ls", "--name", "nobody").out == ""
    assert run("ls", "--name", "nobody", "--json").json == []


def test_a_job_is_shown(run: CommandLine, trained: Job) -> None:
    shown = run("show", trained.id)
    assert trained.id in shown.out
    assert "train_loss" in shown.out
    assert is_readable(shown.out)
    assert run("show", trained.id, "--json").json["id"] == trained.id


def test_a_job_is_cancelled_retried_and_removed(run: CommandLine, client: Subgrad) -> None:
    job_id = client.jobs.create(LONG).id
    assert run("cancel", job_id).code == 0
    client.jobs.wait(job_id)
    assert run("retry", job_id, "--json").json["status"] == "queued"
    client.jobs.cancel(job_id)
    client.jobs.wait(job_id)
    assert run("rm", job_id).out == f"{job_id} is gone.\n"
    assert run("show", job_id).code == 4


def test_a_sweep_from_its_file_to_its_table(run: CommandLine) -> None:
    done = run("sweep", "-", "--watch", stdin=SWEEP)
    assert done.code == 0
    assert "24 succeeded" in done.out
    assert is_readable(done.out)
    sweep_id = next(word for word in done.out.split() if word.startswith("swp_"))
    shown = run("table", sweep_id, "--quantity", "train_loss", "--columns",
                "optimizer.learning_rate")  # fmt: skip
    assert "diverged" in shown.out
    assert "(3)" in shown.out
    assert is_readable(shown.out)
    # All eight columns are there, in tables that fit below each other.
    assert shown.out.count("1e+30") == 1
    assert shown.out.count("all") >= 2
    pivot = run("table", sweep_id, "--rows", "seed", "--json").json
    assert pivot["rows"]["axes"] == ["seed"]
    assert run("show", sweep_id).code == 0
    listed = run("sweeps")
    assert f"{sweep_id}   succeeded      100%" in listed.out
    assert is_readable(listed.out)
    assert run("cancel", sweep_id).code == 4
    assert run("watch", sweep_id, "--json").code == 0


def test_a_sweep_is_cancelled_and_its_members_tried_again(
    run: CommandLine, client: Subgrad
) -> None:
    sweep = client.sweeps.create({"base": LONG, "axes": {"seed": {"range": 2}}})
    assert run("cancel", sweep.id).code == 0
    assert client.sweeps.wait(sweep.id).status is JobStatus.CANCELLED
    assert run("watch", sweep.id).code == 1
    again = run("retry", sweep.id, "--json")
    assert again.code == 0
    assert again.json["id"] == sweep.id
    counts = again.json["counts"]
    assert counts["queued"] + counts["running"] == 2
    assert run("cancel", sweep.id, "--json").json["id"] == sweep.id
    assert client.sweeps.wait(sweep.id).counts.cancelled == 2


def test_jobs_are_compared(run: CommandLine, client: Subgrad, trained: Job) -> None:
    other = client.jobs.wait(client.jobs.create(SMALL | {"seed": 1}).id)
    told = run("compare", trained.id, other.id)
    assert "/seed" in told.out
    assert "differ from epoch 0 on" in told.out
    assert "weights part" not in told.out  # of twins alone
    assert is_readable(told.out)
    assert run("compare", trained.id, other.id, "--json").json["first_differing_epoch"] == 0
    assert run("compare", trained.id).code == 4


def test_twins_are_told_where_they_part(run: CommandLine, client: Subgrad) -> None:
    # A single normalised unit is exactly 0, at the kink, in the very first step.
    at_the_kink = SMALL | {"network": {"hidden": [1], "normalization": "layer"}}
    twins = [
        at_the_kink | {"activation": {"name": "relu", "derivative_at_zero": value}}
        for value in (0, 1)
    ]
    ids = [client.jobs.wait(client.jobs.create(twin).id).id for twin in twins]
    told = run("compare", *ids).out
    assert "Their weights part in step 1, at a kink of hidden layer 0." in told
    assert is_readable(told)


def test_series_are_exported(run: CommandLine, trained: Job, tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(run("export", trained.id).out)))
    assert rows[0] == list(EPOCH_COLUMNS)
    assert len(rows) == 5
    file = tmp_path / "layers.parquet"
    written = run("export", trained.id, "--what", "layers", "--format", "parquet", "-o", str(file))
    assert (written.code, written.out) == (0, "")
    assert parquet.read_table(file).num_rows == 4
    assert run("export", trained.id, "--json").json["columns"]["epoch"] == [0, 1, 2, 3]
    assert run("export", trained.id, "--what", "weights", "--json").code == 2
    missing = run("export", trained.id, "-o", str(tmp_path / "no" / "folder"))
    assert missing.code == 2
    assert "No such file" in missing.errors


def test_the_document_is_printed(run: CommandLine) -> None:
    told, packed = run("openapi"), run("openapi", "--json")
    assert told.json["openapi"].startswith("3.1")
    assert packed.json == told.json
    assert packed.out.count("\n") == 1


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (b"", "The body is empty"),
        (b"{", "line 1"),
        (b"\xff", "UTF-8"),
        (json.dumps(SMALL | {"epochs": "\x1b[31m"}).encode(), "/epochs: must be an integer"),
    ],
)
def test_what_the_service_refuses_ends_with_4_and_says_why(
    run: CommandLine, stdin: bytes, told: str
) -> None:
    done = run("submit", "-", stdin=stdin)
    assert done.code == 4
    assert told in done.errors
    assert "HTTP 4" in done.errors
    assert "\x1b" not in done.errors
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "/no/such/file"],
        ["submit", "/"],
        ["ls", "--status", "asleep"],
        ["export", "job_1", "--format", "xls"],
        ["nonsense"],
        ["show"],
        ["ls", "--url", "here"],
        ["ls", "--api-key", "schlüssel"],
    ],
)
def test_what_cannot_be_understood_ends_with_2(run: CommandLine, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert done.errors


def test_settings_that_cannot_be_end_with_2(run: CommandLine) -> None:
    done = run("ls", environment={"SUBGRAD_PORT": "many"})
    assert done.code == 2
    assert "SUBGRAD_PORT" in done.errors


def test_nobody_there_ends_with_3_and_says_what_to_do(run: CommandLine) -> None:
    done = run("ls", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.code == 3
    assert "subgrad up" in done.errors


def test_something_else_there_ends_with_5() -> None:
    with Scripted(Answer(body=b"<html>")).running() as server:
        assert CommandLine(server.url)("ls").code == 5


def test_the_key_is_sent() -> None:
    with Scripted(Answer(body=b'{"data": [], "next_cursor": null}')).running() as server:
        run = CommandLine(server.url)
        run("ls", environment={"SUBGRAD_API_KEY": "from settings"})
        run("ls", "--api-key", "as option", environment={"SUBGRAD_API_KEY": "from settings"})
    keys = [asked.headers["authorization"] for asked in server.asked]
    assert keys == ["Bearer from settings", "Bearer as option"]


def test_without_a_url_the_embedded_address_is_asked(run: CommandLine) -> None:
    port = str(free_port())
    done = run("ls", environment={"SUBGRAD_URL": "", "SUBGRAD_PORT": port})
    assert f"http://127.0.0.1:{port}" in done.errors


def test_an_output_without_our_letters_is_no_error(run: CommandLine, stopped: Job) -> None:
    done = run("show", stopped.id, environment={"PYTHONIOENCODING": "ascii"})
    assert done.code == 0
    assert done.out.isascii()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_are_completed(run: CommandLine, shell: str) -> None:
    asked = {
        "_SUBGRAD_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "subgrad wat",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "subgrad wat",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = run(environment=asked)
    assert "watch" in done.out
    assert "submit" not in done.out
