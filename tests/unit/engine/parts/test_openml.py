"""Data sets of openml.org: what is fetched, what is kept, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.domain.datasets import OpenMl
from service.domain.errors import InvalidData
from service.domain.events import FailedEvent
from service.domain.spec import JobSpec
from service.domain.states import Reason
from tests.openml import PublishedSet, publishing
from tests.specs import SMALL, job_spec
from tests.unit.engine.running import CPU
from workers.training import Cohort, Member, train
from workers.training.data import load
from workers.training.openml import fetch_openml

ROWS = [(i / 4, -i, "10" if i % 3 else "9") for i in range(12)]
CLASSES = PublishedSet(name="Tiny-Classes", rows=ROWS, labels=["10", "9"])
NUMBERS = PublishedSet(name="tiny_numbers", rows=[(i, i * i, 0.5 * i) for i in range(8)])


def declared(one: PublishedSet, **changes: Any) -> OpenMl:
    return OpenMl.model_validate(one.spec | changes)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at port 9 (discard) of this machine."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


def test_a_set_is_fetched_once_and_then_read_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publishing(monkeypatch) as publisher:
        publisher.publish(CLASSES)
        features, labels = fetch_openml(declared(CLASSES), tmp_path)
        asked = len(publisher.asked)
        again, _ = fetch_openml(declared(CLASSES), tmp_path)
        assert len(publisher.asked) == asked > 0
    assert features.tolist() == [[x, y] for x, y, _ in ROWS]
    assert np.array_equal(features, again)
    # By the numbers that the names are: 9 comes before 10.
    assert labels.tolist() == [["9", "10"].index(name) for *_, name in ROWS]
    assert features.dtype == np.float64
    assert labels.dtype == np.int64


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with publishing(monkeypatch) as publisher:
        publisher.publish(NUMBERS)
        fetch_openml(declared(NUMBERS), None)
        asked = len(publisher.asked)
        fetch_openml(declared(NUMBERS), None)
        assert len(publisher.asked) == 2 * asked


def test_a_set_that_openml_has_not_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        publishing(monkeypatch),
        pytest.raises(InvalidData, match=r"tiny_numbers version 1 cannot be used: .*not found"),
    ):
        fetch_openml(declared(NUMBERS), tmp_path)


@pytest.mark.usefixtures("no_network")
def test_without_a_network_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"Tiny-Classes version 1 .*cannot be reached"):
        fetch_openml(declared(CLASSES), tmp_path)


@pytest.mark.usefixtures("no_network")
def test_what_is_kept_needs_no_network(tmp_path: Path) -> None:
    NUMBERS.put_into(tmp_path)
    features, targets = fetch_openml(declared(NUMBERS), tmp_path)
    assert features.shape == (8, 2)
    assert targets.ravel().tolist() == [0.5 * i for i in range(8)]


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"examples": 13}, "examples 13"),
        ({"features": 3}, "features 3"),
        ({"classes": 3}, "classes 3"),
        ({"classes": None}, "classes null"),
    ],
)
def test_other_sizes_than_declared_are_told_with_the_true_ones(
    tmp_path: Path, changes: dict[str, Any], wrong: str
) -> None:
    CLASSES.put_into(tmp_path)
    true = "has examples 12, features 2, classes 2; the spec declares "
    with pytest.raises(InvalidData, match=true + wrong):
        fetch_openml(declared(CLASSES, **changes), tmp_path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (PublishedSet(name="holes", rows=[(1, 2), (None, 3), (4, 5)]), "1 missing value"),
        (PublishedSet(name="open", rows=[(1, 2), (2, None), (4, 5)]), "targets that are missing"),
        (PublishedSet(name="words", rows=[("a", 2), ("b", 3)], nominal=[0]), "no numbers: x0"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    tmp_path: Path, broken: PublishedSet, reason: str
) -> None:
    broken.put_into(tmp_path)
    with pytest.raises(InvalidData, match=reason):
        fetch_openml(declared(broken), tmp_path)


@pytest.mark.usefixtures("no_network")
def test_a_file_that_was_changed_is_not_used(tmp_path: Path) -> None:
    NUMBERS.put_into(tmp_path)
    (file,) = tmp_path.rglob("*.arff.gz")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InvalidData, match="tiny_numbers"):
        fetch_openml(declared(NUMBERS), tmp_path)


@pytest.mark.usefixtures("no_network")
def test_the_split_and_scaling_are_those_of_any_data_set(tmp_path: Path) -> None:
    NUMBERS.put_into(tmp_path)
    spec = job_spec(dataset=NUMBERS.spec | {"validation_fraction": 0.25, "scale_target": True})
    data = load(spec, tmp_path)
    assert (data.train.count, data.validation.count) == (6, 2)
    np.testing.assert_allclose(data.train.features.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.train.targets.std(), 1, rtol=1e-12)


@pytest.mark.usefixtures("no_network")
def test_a_cohort_whose_data_cannot_be_had_fails_as_invalid_data(tmp_path: Path) -> None:
    spec = JobSpec.model_validate(SMALL | {"dataset": NUMBERS.spec})
    cohort = Cohort(members=(Member(id="a", spec=spec),))
    (event,) = train(cohort, device=CPU, data_home=tmp_path)
    assert isinstance(event, FailedEvent)
    assert (event.member, event.reason) == (None, Reason.INVALID_DATA)
