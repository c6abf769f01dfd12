"""The OpenAPI document: true, complete, with an example for each body and error."""

import io
import re
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema_rs
import numpy
import pytest
import safetensors.numpy
from pyarrow import parquet
from pydantic import BaseModel

from service.api.errors import PROBLEMS, Problem
from service.api.examples import jobs as examples
from service.api.examples import studies as study_examples
from service.domain.job import Job, StatusChange
from service.domain.metrics import EpochMetrics
from service.domain.spec import JobSpec
from service.domain.study import StudySpec
from service.domain.sweep import SweepProgress, SweepSpec


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


def _bodies(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Operation, media type and what stands there of it, of each request and each success."""
    return [
        (operation["operationId"], kind, described)
        for operation in _operations(document)
        for body in (
            operation.get("requestBody", {}),
            *(found for status, found in operation["responses"].items() if status < "300"),
        )
        for kind, described in body.get("content", {}).items()
    ]


def _examples(described: dict[str, Any]) -> list[dict[str, Any]]:
    """As Example Objects."""
    alone = [{"value": described["example"]}] if "example" in described else []
    return [*alone, *described.get("examples", {}).values()]


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    bodies = _bodies(document)
    assert len(bodies) > 40
    assert [(name, kind) for name, kind, described in bodies if not _examples(described)] == []


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    for name, kind, described in _bodies(document):
        whole = {"components": document["components"], **described.get("schema", {})}
        check = jsonschema_rs.Draft202012Validator(whole)
        for example in _examples(described):
            if "value" in example:
                faults = [one.message for one in check.iter_errors(example["value"])]
                assert faults == [], (name, kind)


def test_every_event_of_an_example_is_whole(document: dict[str, Any]) -> None:
    streams = [one for one in _bodies(document) if one[1] == "text/event-stream"]
    assert len(streams) == 2
    kinds: dict[str, type[BaseModel]] = {
        "status": StatusChange,
        "epoch": EpochMetrics,
        "progress": SweepProgress,
        "end": Job,
    }
    for _, _, described in streams:
        events = described["example"].removesuffix("\n\n").split("\n\n")
        for event in events:
            fields = dict(line.split(": ", 1) for line in event.splitlines())
            assert list(fields) == ["event", "data", "id"]
            kinds[fields["event"]].model_validate_json(fields["data"])


def test_every_example_that_is_bytes_is_served(
    document: dict[str, Any], still: httpx.Client, http: httpx.Client
) -> None:
    """The one that is in a file is whole: a program can read it, and the service takes it."""
    readers: dict[str, Callable[[bytes], object]] = {
        "application/octet-stream": safetensors.numpy.load,
        "application/vnd.apache.parquet": lambda raw: parquet.read_table(io.BytesIO(raw)),
        "application/x-npz": lambda raw: numpy.load(io.BytesIO(raw), allow_pickle=False),
    }
    found = [
        (name, kind, example["externalValue"])
        for name, kind, described in _bodies(document)
        for example in _examples(described)
        if "externalValue" in example
    ]
    assert {kind for _, kind, _ in found} == readers.keys()
    for name, kind, address in found:
        raw = still.get(address).raise_for_status().content
        assert readers[kind](raw)
        if name == "upload_dataset":
            query = {"task": "classification", "target": "kind"}
            made = http.post(
                "/v1/datasets", params=query, content=raw, headers={"Content-Type": kind}
            )
            assert made.status_code == 201


def _linked(document: dict[str, Any], operation_id: str) -> dict[str, str]:
    """Operations by the names of the links in the answer of this one."""
    (read,) = [one for one in _operations(document) if one["operationId"] == operation_id]
    return {name: link["operationId"] for name, link in read["responses"]["200"]["links"].items()}


@pytest.mark.parametrize(
    ("resource", "lists"),
    [
        ("job", set()),
        ("sweep", {"list_jobs"}),
        ("study", {"list_jobs", "list_sweeps"}),
        ("dataset", set()),
    ],
)
def test_a_resource_links_to_all_that_can_be_asked_of_it(
    document: dict[str, Any], resource: str, lists: set[str]
) -> None:
    beneath = {
        operation["operationId"]
        for path, item in document["paths"].items()
        for operation in item.values()
        if f"{{{resource}_id}}" in path
    }
    linked = _linked(document, f"read_{resource}")
    assert set(linked.values()) == beneath | lists
    assert linked["self"] == f"read_{resource}"


def test_every_link_leads_to_an_operation_and_a_parameter_of_it(document: dict[str, Any]) -> None:
    operations = {one["operationId"]: one for one in _operations(document)}
    links = [link for part in _walk(document) for link in part.get("links", {}).values()]
    assert links
    for link in links:
        accepted = {one["name"] for one in operations[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= accepted


@pytest.mark.parametrize(
    ("model", "specs"),
    [
        (JobSpec, examples.SPECS),
        (SweepSpec, examples.SWEEP_SPECS),
        (StudySpec, study_examples.STUDY_SPECS),
    ],
)
def test_the_specs_of_the_examples_are_accepted(
    model: type[BaseModel], specs: dict[str, Any]
) -> None:
    """A model refuses more than its schema can say."""
    for example in specs.values():
        model.model_validate(example["value"])


def test_a_spec_needs_only_four_fields(document: dict[str, Any]) -> None:
    required = document["components"]["schemas"]["JobSpec"]["required"]
    assert required == ["dataset", "activation", "loss", "optimizer"]
