"""Data sets of one's own from the command line and from both clients."""

import asyncio
import io
from pathlib import Path

import numpy
import pyarrow
import pytest
from pyarrow import parquet

from service.client import AsyncSubgrad, InvalidRequest, MoveRefused, NotFound, Subgrad
from tests.integration.client.commands import CommandLine, is_readable
from tests.specs import SMALL

LEAVES = "length,width,kind\n5.1,3.5,a\n6.2,2.9,b\n4.9,3.1,a\n"


@pytest.fixture
def run(url: str) -> CommandLine:
    return CommandLine(url)


def line(seed: int) -> bytes:
    return f"x,y\n{seed},2\n2,4.5\n3,5\n".encode()


def as_parquet() -> bytes:
    file = io.BytesIO()
    columns = {"x": [7.0, 2.0, 3.0], "y": [2.0, 4.5, 5.0]}
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def as_npz() -> bytes:
    file = io.BytesIO()
    numpy.savez(file, X=numpy.array([[7], [2], [3]]), y=numpy.array([2, 4.5, 5]))
    return file.getvalue()


def test_a_file_of_each_kind_is_uploaded(client: Subgrad, tmp_path: Path) -> None:
    file = tmp_path / "line.data"  # no name that would tell
    file.write_bytes(line(7))
    csv = client.datasets.upload(file, task="regression", target="y", name="line")
    assert (csv.name, csv.examples, csv.features, csv.classes) == ("line", 3, 1, None)
    assert client.datasets.upload(str(file), task="regression", target="y").id == csv.id
    assert client.datasets.upload(as_parquet(), task="regression", target="y").id == csv.id
    packed = client.datasets.upload(as_npz(), task="regression", target="y")
    assert [column.name for column in packed.columns] == ["x0", "y"]
    for dataset in (csv, packed):
        client.datasets.delete(dataset.id)


def test_a_data_set_from_its_upload_to_its_end(client: Subgrad) -> None:
    made = client.datasets.upload(
        LEAVES.encode(), task="classification", target="kind", form="csv", name="leaves"
    )
    assert client.datasets.get(made.id) == made
    assert client.datasets.preview(made.id, rows=2).rows == [[5.1, 3.5, "a"], [6.2, 2.9, "b"]]
    assert next(client.datasets.list(name="leaves", task="classification")).id == made.id
    assert list(client.datasets.list(name="leaves", task="regression")) == []
    spec = SMALL | {
        "dataset": {"name": "upload", "dataset_id": made.id, "validation_fraction": 0},
        "loss": {"name": "cross_entropy"},
    }
    job = client.jobs.wait(client.jobs.create(spec).id)
    assert job.outcome == "completed"
    with pytest.raises(MoveRefused):
        client.datasets.delete(made.id)
    client.jobs.delete(job.id)
    client.datasets.delete(made.id)
    with pytest.raises(NotFound):
        client.datasets.get(made.id)


def test_a_file_that_is_refused_is_explained(client: Subgrad) -> None:
    with pytest.raises(InvalidRequest, match="Line 3") as refused:
        client.datasets.upload(b"a,y\n1,2\n3\n", task="regression", target="y")
    assert refused.value.code == "invalid_dataset"
    with pytest.raises(InvalidRequest) as refused:
        client.datasets.upload(line(1), task="regression", target="z")
    assert [one.pointer for one in refused.value.errors] == ["/query/target"]
    with pytest.raises(OSError, match="No such file"):
        client.datasets.upload("/no/such/file", task="regression", target="y")


def test_everything_awaited(url: str) -> None:
    async def use() -> None:
        async with AsyncSubgrad(url) as client:
            sets = [
                await client.datasets.upload(line(seed), task="regression", target="y", name="many")
                for seed in range(20, 23)
            ]
            found = [one.id async for one in client.datasets.list(name="many", page_size=1)]
            assert sorted(found) == sorted(one.id for one in sets)
            assert (await client.datasets.get(found[0])).name == "many"
            assert len((await client.datasets.preview(found[0])).rows) == 3
            for one in found:
                await client.datasets.delete(one)

    asyncio.run(use())


def test_a_file_is_uploaded_shown_listed_and_removed(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "leaves.csv"
    file.write_text(LEAVES)
    asked = ("--task", "classification", "--target", "kind", "--name", "my leaves")
    told = run("datasets", "upload", str(file), *asked)
    assert told.code == 0, told.errors
    assert "3 examples, 2 features, 2 classes" in told.out
    made = run("datasets", "upload", "-", *asked, "--json", stdin=LEAVES).json
    assert made["id"] in told.out
    shown = run("datasets", "show", made["id"])
    assert "classification of kind" in shown.out
    assert "a: 2, b: 1" in shown.out
    assert run("datasets", "show", made["id"], "--json").json == made
    first = run("datasets", "preview", made["id"], "--rows", "1")
    assert first.out.split() == ["length", "width", "kind", first.out.split()[3], "5.1", "3.5", "a"]
    assert run("datasets", "preview", made["id"], "--json").json["rows"][2] == [4.9, 3.1, "a"]
    listed = run("datasets", "ls", "--name", "my leaves")
    assert made["id"] in listed.out
    assert run("datasets", "ls", "--task", "classification", "--json").json[0]["id"] == made["id"]
    for one in (told, shown, first, listed):
        assert is_readable(one.out)
    assert run("datasets", "rm", made["id"]).out == f"{made['id']} is gone.\n"
    assert run("datasets", "show", made["id"]).code == 4


def test_wide_data_fit_a_terminal(run: CommandLine) -> None:
    names = [f"a_rather_long_name_{at}" for at in range(60)]
    text = "\n".join(
        [",".join(names), *(",".join(f"{row}.{at}" for at in range(60)) for row in "12")]
    )
    asked = ("--task", "regression", "--target", names[0], "--json")
    dataset_id = run("datasets", "upload", "-", *asked, stdin=text).json["id"]
    shown, first = (run("datasets", what, dataset_id) for what in ("show", "preview"))
    assert "The first 20 of 60 columns." in shown.out
    assert "10 more features are not shown." in first.out
    assert is_readable(shown.out)
    assert is_readable(first.out)
    run("datasets", "rm", dataset_id)


def test_what_is_refused_ends_with_4_and_what_cannot_be_read_with_2(run: CommandLine) -> None:
    asked = ("--task", "regression", "--target", "y")
    refused = run("datasets", "upload", "-", *asked, stdin=b"a,y\n1,2\n3\n")
    assert refused.code == 4
    assert "Line 3" in refused.errors
    # As if it were what it is not.
    forced = run("datasets", "upload", "-", *asked, "--format", "npz", stdin=line(1))
    assert (forced.code, "no NPZ" in forced.errors) == (4, True)
    assert run("datasets", "upload", "/no/such/file", *asked).code == 2
    assert run("datasets", "upload", "-", "--target", "y", stdin=line(1)).code == 2
    assert run("datasets", "rm", f"dat_{0:032x}").code == 4
