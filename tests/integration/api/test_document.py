"""The OpenAPI document: true, complete, with an example for each body and error."""

import re
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from service.api.datasets import DatasetPage
from service.api.errors import PROBLEMS, Problem
from service.api.examples import access as access_examples
from service.api.examples import datasets as dataset_examples
from service.api.examples import diagnosis as diagnosis_examples
from service.api.examples import jobs as examples
from service.api.identity import Caller, ChangePage
from service.api.jobs import JobPage
from service.api.sweeps import SweepPage
from service.domain.comparison import Comparison
from service.domain.diagnosis import Diagnosis
from service.domain.job import Job
from service.domain.pivot import SweepTable
from service.domain.plan import JobPlan, SweepPlan
from service.domain.series import EpochSeries, LayerSeries, UnitSeries
from service.domain.spec import JobSpec
from service.domain.sweep import Sweep, SweepSpec
from service.domain.uploads import UploadedDataset


@pytest.fixture(scope="module")
def document(still: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = still.get("/openapi.json").json()
    return body


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for path in document["paths"].values() for one in path.values()]


def _walk(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [found for inner in part for found in _walk(inner)]
    if not isinstance(part, dict):
        return []
    return [part, *(found for inner in part.values() for found in _walk(inner))]


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = [str(part["$ref"]) for part in _walk(document) if "$ref" in part]
    assert "#/components/schemas/JobSpec" in references
    for reference in references:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_operation_is_named_tagged_and_described(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for operation in _operations(document)]
    assert len(names) == len(set(names))
    for operation in _operations(document):
        assert re.fullmatch(r"[a-z_]+", operation["operationId"])
        assert set(operation["tags"]) <= tags
        assert operation["description"]


def test_every_error_is_a_problem_with_an_example(document: dict[str, Any]) -> None:
    for operation in _operations(document):
        errors = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
        assert {"422", "500", "503"} <= errors.keys()
        for status, response in errors.items():
            (content,) = response["content"].values()
            assert list(response["content"]) == ["application/problem+json"]
            for code, example in content["examples"].items():
                problem = Problem.model_validate(example["value"])
                assert (problem.code, str(problem.status)) == (code, status)


def test_every_code_is_described(document: dict[str, Any]) -> None:
    assert document["components"]["responses"].keys() == PROBLEMS.keys()


def test_every_link_leads_to_an_operation_and_a_parameter_of_it(document: dict[str, Any]) -> None:
    operations = {one["operationId"]: one for one in _operations(document)}
    links = [link for part in _walk(document) for link in part.get("links", {}).values()]
    assert {"read_epochs", "read_sweep_table", "cancel_job"} <= {
        one["operationId"] for one in links
    }
    for link in links:
        accepted = {one["name"] for one in operations[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= accepted


def test_the_examples_are_what_the_schemas_say() -> None:
    for example in examples.SPECS.values():
        JobSpec.model_validate(example["value"])
    TypeAdapter(Job).validate_python(examples.JOB)
    TypeAdapter(JobPage).validate_python(examples.PAGE)
    TypeAdapter(Job).validate_python(examples.QUEUED_JOB)
    TypeAdapter(Job).validate_python(examples.CANCELLED_JOB)
    for example in examples.SWEEP_SPECS.values():
        SweepSpec.model_validate(example["value"])
    TypeAdapter(Sweep).validate_python(examples.QUEUED_SWEEP)
    TypeAdapter(SweepPage).validate_python(examples.SWEEP_PAGE)
    TypeAdapter(SweepTable).validate_python(examples.TABLE)
    TypeAdapter(JobPlan).validate_python(examples.JOB_PLAN)
    TypeAdapter(SweepPlan).validate_python(examples.SWEEP_PLAN)
    TypeAdapter(LayerSeries).validate_python(examples.LAYERS)
    TypeAdapter(Diagnosis).validate_python(diagnosis_examples.DIAGNOSIS)
    TypeAdapter(Comparison).validate_python(examples.COMPARISON)
    TypeAdapter(EpochSeries).validate_python(examples.EPOCHS)
    TypeAdapter(UploadedDataset).validate_python(dataset_examples.DATASET)
    TypeAdapter(DatasetPage).validate_python(dataset_examples.DATASET_PAGE)
    TypeAdapter(UnitSeries).validate_python(examples.UNITS)
    TypeAdapter(Caller).validate_python(access_examples.IDENTITY)
    TypeAdapter(ChangePage).validate_python(access_examples.CHANGE_PAGE)


def test_a_spec_needs_only_four_fields(document: dict[str, Any]) -> None:
    required = document["components"]["schemas"]["JobSpec"]["required"]
    assert required == ["dataset", "activation", "loss", "optimizer"]
