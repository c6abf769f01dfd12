"""What goes into a request, and what is read out of an answer."""

import json
import math
from typing import Any

import httpx
import pytest

from service.client import calls, job_calls, sweep_calls
from service.client.errors import InvalidRequest, NotFound, Refused, ServiceFailed, UnexpectedAnswer
from service.domain.errors import FieldError
from service.domain.metrics import EpochMetrics
from service.domain.optimizers import Adam
from service.domain.spec import JobSpec
from service.domain.sweep import SweepSpec
from tests.specs import SMALL, job_spec


def posted(spec: Any) -> Any:
    call = job_calls.create(spec, priority=0, idempotency_key=None)
    assert call.body is not None
    return json.loads(call.body)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activation": {"name": "leaky_relu", "derivative_at_zero": 0.5}},
        {"network": {"kind": "linear"}, "activation": {"name": "identity"}},
        {"optimizer": {"learning_rate": 1, "schedule": {"name": "cosine"}}},
    ],
)
def test_a_model_and_its_document_are_one_spec(changes: dict[str, Any]) -> None:
    assert posted(SMALL | changes) == SMALL | changes
    assert JobSpec.model_validate(posted(job_spec(**changes))) == job_spec(**changes)


def test_a_spec_made_of_models_arrives_as_it_is() -> None:
    spec = job_spec().model_copy(update={"optimizer": Adam(name="adam", learning_rate=0.1)})
    assert JobSpec.model_validate(posted(spec)) == spec


def test_the_axes_of_a_sweep_arrive_as_they_were_written() -> None:
    document = {"base": SMALL, "axes": {"seed": {"range": 3}, "epochs": [1, 2]}}
    spec = SweepSpec.model_validate(document)
    call = sweep_calls.create(spec, priority=3, idempotency_key="mine")
    assert json.loads(call.body or b"") == document
    assert call.query["priority"] == "3"
    assert call.headers["Idempotency-Key"] == "mine"


def test_submitting_has_a_key_of_its_own_each_time() -> None:
    keys = {
        job_calls.create(SMALL, priority=0, idempotency_key=None).headers["Idempotency-Key"]
        for _ in range(10)
    }
    assert len(keys) == 10


def test_only_what_may_happen_twice_may_be_sent_twice() -> None:
    assert job_calls.get("job_1").repeatable
    assert job_calls.delete("job_1").repeatable
    assert job_calls.create(SMALL, priority=0, idempotency_key=None).repeatable
    assert job_calls.plan(SMALL, priority=0).repeatable
    assert job_calls.diagnose("job_1", treat=True).repeatable
    for move in (job_calls.cancel, job_calls.retry, sweep_calls.cancel, sweep_calls.retry):
        assert not move("job_1").repeatable


def test_an_id_cannot_leave_its_path() -> None:
    assert job_calls.get("../sweeps?x=1#y").path == "/v1/jobs/..%2Fsweeps%3Fx%3D1%23y"


def test_numbers_that_json_has_not_are_floats_again() -> None:
    fields = dict.fromkeys(EpochMetrics.model_fields)
    text = json.dumps(fields | {"epoch": 3, "train_loss": "NaN", "sparsity": "-Infinity"})
    metrics = calls.parse(EpochMetrics, text)
    assert metrics.train_loss is not None
    assert math.isnan(metrics.train_loss)
    assert metrics.sparsity == -math.inf
    assert metrics.validation_loss is None


def test_what_a_newer_service_added_is_passed_over() -> None:
    fields = dict.fromkeys(EpochMetrics.model_fields) | {"epoch": 0, "not_known_yet": 1}
    assert calls.parse(EpochMetrics, json.dumps(fields)).epoch == 0


PROBLEM = {
    "title": "The spec cannot be accepted",
    "detail": "/epochs: must be an integer",
    "code": "invalid_spec",
    "request_id": "abc",
    "errors": [{"pointer": "/epochs", "detail": "must be an integer"}],
}


def test_a_problem_document_becomes_an_exception() -> None:
    with pytest.raises(InvalidRequest) as raised:
        calls.check(httpx.Response(422, json=PROBLEM))
    error = raised.value
    assert (error.status, error.code, error.request_id) == (422, "invalid_spec", "abc")
    assert error.errors == (FieldError(pointer="/epochs", detail="must be an integer"),)
    assert str(error) == "The spec cannot be accepted: /epochs: must be an integer"


@pytest.mark.parametrize(
    ("status", "expected"), [(404, NotFound), (406, Refused), (500, ServiceFailed)]
)
@pytest.mark.parametrize("body", [b"", b"<h1>Bad gateway</h1>", b"[]", b"\xff", b'{"errors": 3}'])
def test_an_error_without_a_problem_document_still_is_one(
    status: int, expected: type[Refused], body: bytes
) -> None:
    response = httpx.Response(status, content=body, headers={"X-Request-Id": "r1"})
    with pytest.raises(expected) as raised:
        calls.check(response)
    assert type(raised.value) is expected
    assert raised.value.code == ""
    assert raised.value.request_id == "r1"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": 3}', b"\xff"])
def test_an_answer_of_something_else_is_told_as_such(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="Job"):
        job_calls.get("job_1").read(httpx.Response(200, content=body))


def test_a_redirection_names_where_it_leads() -> None:
    response = httpx.Response(301, headers={"Location": "https://elsewhere/"})
    with pytest.raises(UnexpectedAnswer, match="https://elsewhere/"):
        job_calls.get("job_1").read(response)
