"""Exports, read back by the programs that they are made for."""

import csv
import io
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow import parquet
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from service.client import Subgrad
from service.domain.job import Job
from service.domain.metrics import EPOCH_COLUMNS
from service.domain.sweep import Sweep
from service.exports import ExtraMissing, join_parquet, write_mlflow, write_tensorboard
from tests.integration.client.commands import CommandLine
from tests.specs import SMALL
from tests.stack import digits_spec

RATES = (0.01, 1e30)


@pytest.fixture
def run(url: str) -> CommandLine:
    return CommandLine(url)


@pytest.fixture(scope="module")
def trained(url: str) -> Sweep:
    """Two members, of which the second diverges."""
    with Subgrad(url) as client:
        spec = {"base": SMALL, "axes": {"optimizer.learning_rate": list(RATES)}}
        return client.sweeps.wait(client.sweeps.create(spec).id)


@pytest.fixture
def members(client: Subgrad, trained: Sweep) -> list[Job]:
    return list(client.jobs.list(sweep_id=trained.id))[::-1]


def _measured(client: Subgrad, job: Job, name: str) -> list[tuple[int, float]]:
    """Epochs and values of what was measured."""
    columns: dict[str, list[Any]] = dict(client.jobs.epochs(job.id).columns)
    pairs = zip(columns["epoch"], columns[name], strict=True)
    return [(epoch, value) for epoch, value in pairs if value is not None]


def _is_same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> bool:
    """But for float32, in which the largest numbers are infinite."""
    return [epoch for epoch, _ in found] == [epoch for epoch, _ in expected] and all(
        one == pytest.approx(float(torch.tensor(other)), nan_ok=True)
        for (_, one), (_, other) in zip(found, expected, strict=True)
    )


def test_tensorboard_reads_every_member_of_a_sweep(
    run: CommandLine, client: Subgrad, trained: Sweep, members: list[Job], tmp_path: Path
) -> None:
    done = run("export", trained.id, "--format", "tensorboard", "-o", str(tmp_path))
    assert done.code == 0
    assert f"tensorboard --logdir {tmp_path}" in done.errors
    assert "NaN" not in done.errors
    for job in members:
        board = EventAccumulator(str(tmp_path / job.id), size_guidance={"scalars": 0})
        board.Reload()
        assert set(board.Tags()["scalars"]) <= {*EPOCH_COLUMNS} | {
            name for name in board.Tags()["scalars"] if name.startswith("layers/0/")
        }
        assert "layers/0/dead" in board.Tags()["scalars"]
        found = [(point.step, point.value) for point in board.Scalars("train_loss")]
        assert _is_same(found, _measured(client, job, "train_loss"))
    assert any(
        math.isnan(point.value) or math.isinf(point.value) for point in board.Scalars("train_loss")
    )


def test_a_second_export_takes_the_place_of_the_first(
    run: CommandLine, members: list[Job], tmp_path: Path
) -> None:
    for _ in range(2):
        assert (
            run("export", members[0].id, "--format", "tensorboard", "-o", str(tmp_path)).code == 0
        )
    assert len(list((tmp_path / members[0].id).iterdir())) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow_reads_every_member_of_a_sweep(
    *,
    run: CommandLine,
    client: Subgrad,
    trained: Sweep,
    members: list[Job],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "runs.db"
    for _ in range(2):  # the second time in place of the first
        done = run("export", trained.id, "--format", "mlflow", "-o", str(file), "--experiment", "e")
        assert done.code == 0, done.errors
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    from mlflow import MlflowClient  # noqa: PLC0415  (slow)

    store = MlflowClient(tracking_uri=f"sqlite:///{file}")
    experiment = store.get_experiment_by_name("e")
    assert experiment is not None
    runs = {
        one.data.tags["subgrad.job_id"]: one
        for one in store.search_runs([experiment.experiment_id])
    }
    assert runs.keys() == {job.id for job in members}
    for job, rate in zip(members, RATES, strict=True):
        found = runs[job.id]
        assert found.info.status == "FINISHED"
        assert found.data.tags["subgrad.outcome"] == job.outcome
        assert float(found.data.params["optimizer.learning_rate"]) == rate
        history = store.get_metric_history(found.info.run_id, "validation_loss")
        assert sorted(point.step for point in history) == [
            epoch for epoch, _ in _measured(client, job, "validation_loss")
        ]
    first = store.get_metric_history(runs[members[0].id].info.run_id, "train_loss")
    assert sorted((point.step, point.value) for point in first) == _measured(
        client, members[0], "train_loss"
    )
    assert "layers/0/dead" in runs[members[0].id].data.metrics


@pytest.mark.parametrize("what", ["epochs", "layers"])
def test_a_sweep_is_one_table(
    *,
    run: CommandLine,
    client: Subgrad,
    trained: Sweep,
    members: list[Job],
    tmp_path: Path,
    what: str,
) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", trained.id, "--what", what).out)))
    ends = [(job.id, rate) for job, rate in zip(members, RATES, strict=True)]
    lengths = [len(client.jobs.epochs(job.id).columns.epoch) for job in members]
    begins = [end for end, length in zip(ends, lengths, strict=True) for _ in range(length)]
    assert [(row["job_id"], float(row["optimizer.learning_rate"])) for row in rows] == begins
    alone = list(csv.reader(io.StringIO(run("export", members[0].id, "--what", what).out)))
    assert [list(row.values())[2:] for row in rows[: lengths[0]]] == alone[1:]
    file = tmp_path / "all.parquet"
    run("export", trained.id, "--what", what, "--format", "parquet", "-o", str(file))
    table = parquet.read_table(file).to_pylist()
    assert [(row["job_id"], float(row["optimizer.learning_rate"])) for row in table] == begins
    assert [row["epoch"] for row in table] == [int(row["epoch"]) for row in rows]


def test_the_weights_of_a_sweep_are_files(
    run: CommandLine, client: Subgrad, members: list[Job], trained: Sweep, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    done = run("export", trained.id, "--what", "weights", "-o", str(folder))
    assert done.code == 0
    for job in members:
        assert load_file(folder / f"{job.id}.safetensors")
        assert (folder / f"{job.id}.safetensors").read_bytes() == client.jobs.weights(job.id)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_members_that_ended_without_weights_are_told_and_passed_over(
    run: CommandLine, client: Subgrad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = {"epochs": [1, 10_000]}
    sweep = client.sweeps.create({"base": digits_spec(), "axes": axes})
    short, long = list(client.jobs.list(sweep_id=sweep.id))[::-1]
    client.jobs.wait(short.id)
    client.sweeps.cancel(sweep.id)
    client.sweeps.wait(sweep.id)
    folder = tmp_path / "weights"
    done = run("export", sweep.id, "--what", "weights", "-o", str(folder))
    assert done.code == 0
    assert f"There are no weights of {long.id}, which is cancelled." in done.errors
    assert [file.name for file in folder.iterdir()] == [f"{short.id}.safetensors"]
    file = tmp_path / "runs.db"
    assert run("export", sweep.id, "--format", "mlflow", "-o", str(file)).code == 0
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    from mlflow import MlflowClient  # noqa: PLC0415  (slow)

    store = MlflowClient(tracking_uri=f"sqlite:///{file}")
    experiment = store.get_experiment_by_name("subgrad")
    assert experiment is not None
    found = {
        one.data.tags["subgrad.job_id"]: one.info.status
        for one in store.search_runs([experiment.experiment_id])
    }
    assert found == {short.id: "FINISHED", long.id: "KILLED"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "tensorboard"], "name a folder with -o"),
        (["--format", "mlflow"], "tracking server with -o"),
        (["--format", "mlflow", "-o", "runs.db", "--json"], "leave --json out"),
    ],
)
def test_an_export_without_its_place_ends_with_2(
    run: CommandLine, members: list[Job], arguments: list[str], told: str
) -> None:
    done = run("export", members[0].id, *arguments)
    assert done.code == 2
    assert told in done.errors


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for library in ("tensorboardX", "mlflow", "pyarrow"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ExtraMissing, match=r"pip install 'subgrad\[tensorboard\]'"):
        write_tensorboard([], tmp_path)
    with pytest.raises(ExtraMissing, match=r"pip install 'subgrad\[mlflow\]'"):
        write_mlflow([], f"sqlite:///{tmp_path}/runs.db", "e")
    with pytest.raises(ExtraMissing, match=r"pip install 'subgrad\[parquet\]'"):
        join_parquet([], [], io.BytesIO())
    assert list(tmp_path.iterdir()) == []
