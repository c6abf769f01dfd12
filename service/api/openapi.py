"""The document of the API. What it names is the contract: query parameters that it does not
name are refused."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from service.api.errors import (
    ARTIFACT_LOST,
    ARTIFACTS_UNAVAILABLE,
    MEDIA_TYPE,
    PHRASES,
    PROBLEMS,
    Problem,
)
from service.api.examples import datasets as dataset_examples
from service.api.examples import files as example_files
from service.api.examples import jobs as examples
from service.api.examples import studies as study_examples
from service.api.middleware.gate import OPEN_PATHS, needed_scope
from service.domain.errors import FieldError
from service.domain.spec import JobSpec
from service.domain.study import StudySpec
from service.domain.sweep import SweepSpec
from service.uploads import CSV, NPZ, PARQUET

TAGS = [
    {"name": "jobs", "description": "Training runs: submit, list, read, cancel, retry, delete."},
    {"name": "sweeps", "description": "Many runs from one base spec and axes, and their table."},
    {"name": "studies", "description": "Claims tested: sweeps, statistics, verdicts, reports."},
    {"name": "datasets", "description": "Data sets of your own: upload, list, read, delete."},
    {"name": "series", "description": "What a run measured, per epoch, layer and unit."},
    {"name": "catalog", "description": "Everything a spec may say, and what is measured."},
    {"name": "access", "description": "Who asks; and, for admins, who changed what."},
    {"name": "health", "description": "For whoever keeps the service running."},
]


def _body(schema: str, of_examples: Any) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": of_examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


SPEC_BODY = _body("JobSpec", examples.SPECS)
SWEEP_BODY = _body("SweepSpec", examples.SWEEP_SPECS)
STUDY_BODY = _body("StudySpec", study_examples.STUDY_SPECS)

_BYTES = {"type": "string", "format": "binary"}
UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {"schema": {"type": "string"}, "example": dataset_examples.UPLOAD_CSV},
            PARQUET: {"schema": _BYTES, "examples": example_files.UPLOAD_PARQUET},
            NPZ: {"schema": _BYTES, "examples": example_files.UPLOAD_NPZ},
        },
    }
}

LOCATION = {"Location": {"description": "Path of the resource", "schema": {"type": "string"}}}


def joined_by_commas(names: Iterable[str]) -> dict[str, Any]:
    """The schema of one or more of these names, joined by commas. Refusals say it in words."""
    one = f"({'|'.join(names)})"
    return {"pattern": f"^{one}(,{one})*$"}


def _links(parameter: str, operations: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"operationId": operation, "parameters": {parameter: "$response.body#/id"}}
        for name, operation in operations.items()
    }


JOB_LINKS = _links(
    "job_id",
    {
        "self": "read_job",
        "epochs": "read_epochs",
        "layers": "read_layers",
        "units": "read_units",
        "weights": "read_weights",
        "events": "stream_events",
        "cancel": "cancel_job",
        "retry": "retry_job",
        "delete": "delete_job",
        "diagnosis": "diagnose_job",
    },
)
STUDY_LINKS = _links(
    "study_id",
    {
        "self": "read_study",
        "report": "read_report",
        "cancel": "cancel_study",
        "jobs": "list_jobs",
        "sweeps": "list_sweeps",
    },
)
DATASET_LINKS = _links(
    "dataset_id",
    {"self": "read_dataset", "preview": "preview_dataset", "delete": "delete_dataset"},
)
SWEEP_LINKS = _links(
    "sweep_id",
    {
        "self": "read_sweep",
        "table": "read_sweep_table",
        "events": "stream_sweep_events",
        "cancel": "cancel_sweep",
        "retry": "retry_sweep",
        "members": "list_jobs",
    },
)


def answer_with(example: Any, headers: Any = None, links: Any = None) -> dict[str, Any]:
    """A response with this example as its JSON body."""
    response = {"content": {"application/json": {"example": example}}}
    return response | {
        name: part for name, part in (("headers", headers), ("links", links)) if part
    }


_DETAILS = {
    "malformed_json": "Expecting ',' delimiter: line 3, column 5.",
    "unauthenticated": "Send a key as `Authorization: Bearer sgk_…`.",
    "insufficient_scope": "This needs the scope write; this key has read.",
    "cross_origin": "A page of another site asked for this.",
    "unknown_host": "Without keys this service answers to this machine's own names, and "
    "'evil.example' is none.",
    "path_not_found": "Nothing stands at /v1/job. GET /docs shows what does.",
    "method_not_allowed": "PUT is not possible here. Possible: GET, POST.",
    "not_acceptable": "Accept is 'image/png'; this path answers with application/json.",
    "weights_not_kept": f"The job '{examples.JOB_ID}' is running. Final weights are kept of jobs "
    "that succeeded, unless they are larger than SUBGRAD_LARGEST_WEIGHTS_MB.",
    "job_not_found": f"There is no job '{examples.JOB_ID}'. GET /v1/jobs lists the jobs.",
    "dataset_not_found": f"There is no data set '{dataset_examples.DATASET_ID}'.",
    "invalid_dataset": "Line 3, column 'width': 'n/a' is no finite number.",
    "sweep_not_found": f"There is no sweep '{examples.SWEEP_ID}'. GET /v1/sweeps lists them.",
    "study_not_found": f"There is no study '{study_examples.STUDY_ID}'. "
    "GET /v1/studies lists those that exist.",
    "report_not_written": f"The study '{study_examples.STUDY_ID}' is running. "
    "Its report is written when it succeeds.",
    "request_timeout": "The whole request must have come within 60 s.",
    "move_refused": "The job has ended (succeeded), so there is nothing to cancel.",
    "precondition_failed": 'The resource has changed: its ETag is "5f0c1d2e" now.',
    "body_too_large": "The limit for a body is 1,048,576 bytes.",
    "unsupported_media_type": "Content-Type is text/plain; send application/json in UTF-8.",
    "invalid_spec": '/epochs: must be an integer, not "20"',
    "spec_rejected": "/epochs: 20,000 epochs; the limit here is 10,000",
    "invalid_request": "/query/limit: must be at most 200, not 500",
    "idempotency_conflict": "Idempotency-Key 'a1' was used before with another body.",
    "queue_full": "10,000 jobs wait already, and the limit here is 10,000.",
    "too_many_requests": "This key made more requests than SUBGRAD_RATE allows. Wait 1 s.",
    "internal_error": "This is a fault of the service, not of the request.",
    "artifact_lost": ARTIFACT_LOST,
    "artifacts_unavailable": ARTIFACTS_UNAVAILABLE,
    "database_unavailable": "The database does not answer. Try again in a moment.",
    "disk_full": "The disk of the database is full, so nothing was changed. Make room there.",
    "not_ready": "/worker: no worker was heard of",
}


class Api(FastAPI):
    """FastAPI, with a document that also describes problems and posted specs."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = get_openapi(
                title=self.title,
                version=self.version,
                summary=self.summary,
                description=self.description,
                routes=self.routes,
                tags=self.openapi_tags,
                separate_input_output_schemas=False,
            )
            _restore_examples(document, self.routes)
            schemas = document["components"]["schemas"]
            for model in (Problem, JobSpec, SweepSpec, StudySpec):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
            # Also what no operation can say of itself: an unknown path, a wrong method.
            document["components"]["responses"] = {
                code: _problem_response(kind.status, {code: _example(code)})
                for code, kind in PROBLEMS.items()
            }
            _close(document)
            self.openapi_schema = document
        return self.openapi_schema

    def methods_at(self, path: str) -> list[str]:
        """The methods that a documented path names."""
        item = self.openapi()["paths"].get(path, {})
        return sorted(method.upper() for method in item)


def _restore_examples(document: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """FastAPI leaves out whatever is null, also in examples, where it is part of the answer."""
    for context in iter_route_contexts(routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        extra = route.openapi_extra or {}
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            pairs = [(extra.get("requestBody", {}), operation.get("requestBody", {}))]
            for status, response in route.responses.items():
                pairs.append((response, operation["responses"][str(int(status))]))
            for written, shown in pairs:
                for kind, described in written.get("content", {}).items():
                    names = described.keys() & {"example", "examples"}
                    shown["content"][kind] |= {one: deepcopy(described[one]) for one in names}


_KEY = "api_key"
_AT_THE_GATE = (
    "unauthenticated",
    "insufficient_scope",
    "cross_origin",
    "unknown_host",
    "too_many_requests",
)
_READING = ("get", "head")


def _close(document: dict[str, Any]) -> None:
    """Says of every operation what the gate asks of it: see `service.api.middleware.gate`."""
    document["components"]["securitySchemes"] = {
        _KEY: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key. Not needed where the service is reached from one machine "
            "alone and no key was made. The scope is that of the operation; `admin` has all.",
        }
    }
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path in OPEN_PATHS and method in _READING:
                operation["security"] = []
                continue
            operation["security"] = [{_KEY: [str(needed_scope(method.upper(), path))]}]
            for status, response in _responses(_AT_THE_GATE).items():
                there = operation["responses"].setdefault(str(status), response)
                if there is not response:
                    _examples(there).update(_examples(response))


def _examples(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = response["content"][MEDIA_TYPE]["examples"]
    return found


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation, with an example for each code."""
    everywhere = (
        *("not_acceptable", "invalid_request"),
        *("database_unavailable", "disk_full", "internal_error"),
    )
    return _responses((*codes, *everywhere))


def _responses(codes: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int, dict[str, Any]] = defaultdict(dict)
    for code in codes:
        by_status[PROBLEMS[code].status][code] = _example(code)
    return {status: _problem_response(status, found) for status, found in by_status.items()}


def _problem_response(status: int, found: Mapping[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": PHRASES[status],
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": found}
        },
    }
    waits = [PROBLEMS[code].retry_after_s for code in found]
    if any(waits):
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}
        }
    return response


def _example(code: str) -> dict[str, Any]:
    detail = _DETAILS[code]
    place, _, reason = detail.partition(": ")
    errors = [FieldError(pointer=place, detail=reason)] if place.startswith("/") else []
    path = "/readyz" if code == "not_ready" else "/v1/jobs"
    problem = Problem.build(code, detail, errors, instance=path, request_id="req_6f1c2b3a")
    return {"summary": PROBLEMS[code].title, "value": problem.model_dump()}
