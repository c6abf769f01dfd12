"""`python -m workers.training spec.json`: the engine alone, as a program."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.domain.events import TRAINING_EVENT
from tests.architecture.tree import ROOT
from tests.specs import SMALL, job_spec
from tests.unit.engine.running import run_one
from workers.training.__main__ import main

ALONE = """
import runpy, sys
from tests.architecture.blocked import Absent
sys.meta_path.insert(0, Absent(["fastapi", "starlette", "celery", "kombu", "sqlalchemy", "httpx",
                                "pydantic_settings", "redis", "psycopg"]))
runpy.run_module("workers.training", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(autouse=True, scope="module")
def back_end() -> None:
    """The program has no other back end than the engine."""


def written(folder: Path, name: str, **changes: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(SMALL | changes), encoding="utf-8")
    return str(path)


def program(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_program_prints_its_events_as_json_lines(tmp_path: Path) -> None:
    done = program("-m", "workers.training", written(tmp_path, "a.json"))
    assert (done.returncode, done.stderr) == (0, "")
    events = [TRAINING_EVENT.validate_json(line) for line in done.stdout.splitlines()]
    assert [event.kind for event in events] == ["started", *["epoch"] * 4, "end"]


def test_the_program_runs_without_the_services_libraries() -> None:
    done = program("-c", ALONE, "-", text=json.dumps(SMALL))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "end"


def test_a_bad_spec_ends_the_program_with_a_message(tmp_path: Path) -> None:
    done = program("-m", "workers.training", written(tmp_path, "bad.json", epochs=-1))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "bad.json: epochs:" in done.stderr
    assert "Traceback" not in done.stderr


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_specs_of_one_key_train_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [written(tmp_path, f"{seed}.json", seed=seed) for seed in range(3)]
    assert main(names) == 0
    started, *rest = told(capsys)
    assert started["members"] == names
    assert [event["member"] for event in rest if event["kind"] == "end"] == names


def test_specs_of_other_keys_train_one_after_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [
        written(tmp_path, "a.json"),
        written(tmp_path, "b.json", epochs=1),
        written(tmp_path, "c.json", seed=1),
    ]
    assert main(names) == 0
    started = [event["members"] for event in told(capsys) if event["kind"] == "started"]
    assert started == [[names[0], names[2]], [names[1]]]


def test_the_program_tells_the_numbers_of_the_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([written(tmp_path, "a.json")])
    losses = [one["metrics"]["train_loss"] for one in told(capsys) if one["kind"] == "epoch"]
    assert losses == [one.metrics.train_loss for one in run_one(job_spec()).epochs]


def test_the_same_file_twice_is_two_members(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = written(tmp_path, "a.json")
    assert main([name, name]) == 0
    assert told(capsys)[0]["members"] == [name, f"{name}#2"]


def test_a_dash_reads_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(SMALL)))
    assert main(["-"]) == 0
    assert told(capsys)[0]["members"] == ["-"]


def test_a_dash_beside_a_file_trains_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(SMALL)))
    name = written(tmp_path, "a.json", seed=4)
    assert main([name, "-"]) == 0
    assert told(capsys)[0]["members"] == [name, "-"]


BAD: dict[str, tuple[str, str]] = {
    "not-json": ("{", "the spec: Invalid JSON"),
    "empty": ("", "the spec: Invalid JSON"),
    "no-object": ("[]", "the spec:"),
    "nothing-in-it": ("{}", "dataset: Field required"),
    "unknown-field": (json.dumps(SMALL | {"epoch": 3}), "epoch: Extra inputs"),
    "wrong-type": (json.dumps(SMALL | {"epochs": "3"}), "epochs:"),
    "nan": (json.dumps(SMALL | {"optimizer": {"learning_rate": float("nan")}}), "learning_rate:"),
    "unknown-name": (json.dumps(SMALL | {"activation": {"name": "step"}}), "activation:"),
    "wrong-loss": (json.dumps(SMALL | {"loss": {"name": "cross_entropy"}}), "loss: cross_entropy"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=list(BAD))
def test_an_unusable_spec_is_told_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    assert main([str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path}: " in err
    assert message in err


def test_a_missing_file_is_told_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json: cannot be read" in capsys.readouterr().err


def test_a_file_that_is_no_text_is_told_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert main([str(tmp_path / "binary.json")]) == 2
    assert "binary.json: cannot be read" in capsys.readouterr().err


def test_one_bad_spec_keeps_all_from_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [written(tmp_path, "a.json"), written(tmp_path, "bad.json", epochs=-1)]
    assert main(names) == 2
    assert capsys.readouterr().out == ""


def test_data_that_cannot_be_used_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = {"name": "abs", "size": 2, "validation_fraction": 0.9}
    assert main([written(tmp_path, "a.json", dataset=dataset)]) == 1
    assert [event["kind"] for event in told(capsys)] == ["failed"]


def test_a_run_that_diverges_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path, "a.json", optimizer={"learning_rate": 1e30})]) == 0
    assert told(capsys)[-1]["outcome"] == "diverged"


def test_without_a_spec_the_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "usage: python -m workers.training" in capsys.readouterr().err
