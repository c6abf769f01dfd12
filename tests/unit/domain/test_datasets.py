"""Data sets whose sizes are declared in the spec."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.domain.datasets import WELL_KNOWN, Image, KnownSet
from service.domain.spec import JobSpec, cohort_key
from tests.specs import job_spec

OTHER = {"name": "openml", "openml_name": "wdbc", "version": 1, "examples": 569, "features": 30}


def of(**fields: Any) -> JobSpec:
    return job_spec(dataset=fields)


@pytest.mark.parametrize("known", WELL_KNOWN)
def test_the_sizes_of_a_well_known_set_may_be_left_out(known: KnownSet) -> None:
    spec = of(name="openml", openml_name=known.name, version=known.version)
    assert (spec.dataset.example_count, spec.dataset.feature_count) == (70_000, 784)
    assert (spec.dataset.task, spec.dataset.output_count) == ("classification", 10)
    assert spec.dataset.image == Image(1, 28, 28)


def test_the_sizes_that_were_left_out_stand_in_the_spec() -> None:
    spec = of(name="openml", openml_name="mnist_784", version=1)
    stored = spec.model_dump(mode="json")
    assert [stored["dataset"][size] for size in ("examples", "features", "classes")] == [
        70_000,
        784,
        10,
    ]
    assert cohort_key(JobSpec.model_validate(stored)) == cohort_key(spec)


def test_other_sets_need_their_sizes() -> None:
    with pytest.raises(ValidationError) as refused:
        of(name="openml", openml_name="mnist_784", version=2)
    missing = [error["loc"][-1] for error in refused.value.errors() if error["type"] == "missing"]
    assert missing == ["examples", "features"]


def test_a_well_known_set_has_no_other_sizes() -> None:
    with pytest.raises(ValidationError, match="mnist_784 version 1 has examples 70000"):
        of(name="openml", openml_name="MNIST_784", version=1, classes=None)


def test_the_task_follows_from_the_classes() -> None:
    assert of(**OTHER).dataset.task == "regression"
    labelled = of(**OTHER, classes=2).dataset
    assert (labelled.task, labelled.output_count, labelled.image) == ("classification", 2, None)


def test_classes_are_not_scaled() -> None:
    assert of(**OTHER, scale_target=True).dataset.is_target_scaled
    with pytest.raises(ValidationError, match="scale_target is for regression"):
        of(**OTHER, scale_target=True, classes=2)


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", "a?b", "a b", "a\n", ".hidden", "é", "a" * 201]
)
def test_a_name_that_would_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        of(**OTHER | {"openml_name": name})
