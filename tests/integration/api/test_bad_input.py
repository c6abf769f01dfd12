"""Every kind of bad spec and parameter has one clear answer, and nothing is stored."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.api.problems import pointers, problem
from tests.specs import SMALL


def _post(http: httpx.Client, content: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return http.post("/v1/jobs", content=content, headers=headers)


def _spec(**changes: Any) -> bytes:
    return json.dumps(SMALL | changes).encode()


def _without(field: str) -> bytes:
    return json.dumps({key: value for key, value in SMALL.items() if key != field}).encode()


def _activation(**fields: Any) -> bytes:
    return _spec(activation=fields)


@pytest.fixture(autouse=True)
def _nothing_is_stored(still: httpx.Client) -> Iterator[None]:
    yield
    assert still.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("content", "pointer", "hint"),
    [
        # Not an object
        (b"[]", "", "JSON object"),
        (b"null", "", "JSON object"),
        (b'"spec"', "", "JSON object"),
        (b"NaN", "", "JSON object"),
        # Missing fields
        (_without("dataset"), "/dataset", "required"),
        (_without("activation"), "/activation", "required"),
        (_without("loss"), "/loss", "required"),
        (_spec(optimizer={}), "/optimizer/learning_rate", "required"),
        (_spec(optimizer={"name": "adam"}), "/optimizer/learning_rate", "required"),
        (_spec(dataset={}), "/dataset/name", "accepted: digits, iris"),
        (_activation(), "/activation/name", "accepted: relu, relu6"),
        # Unknown fields and names
        (_spec(epoch=3), "/epoch", "accepted: name, dataset"),
        (_spec(**{"a/b~c": 3}), "/a~1b~0c", "unknown field"),
        (_spec(**{"": 3}), "/", "unknown field"),
        (_activation(name="relu", slope=1), "/activation/slope", "derivative_at_zero"),
        (_activation(name="rellu"), "/activation/name", '"rellu" is not known here; accepted'),
        (_activation(name=None), "/activation/name", "null is not known here"),
        (_activation(name="x" * 500), "/activation/name", "…"),
        (_spec(loss={"name": "focal"}), "/loss/name", "cross_entropy"),
        (_spec(network={"kind": "rnn"}), "/network/kind", "accepted: linear, mlp"),
        (_spec(network={"kind": "linear", "hidden": [3]}), "/network/hidden", "unknown field"),
        (
            _spec(optimizer={"learning_rate": 0.1, "sgd": {"learning_rate": 1}}),
            "/optimizer/sgd",
            "unknown field",
        ),
        (_spec(network={"init": {"name": "he"}}), "/network/init/name", "'kaiming_normal'"),
        (
            _spec(optimizer={"learning_rate": 1, "schedule": {"name": "cyclic"}}),
            "/optimizer/schedule/name",
            "constant",
        ),
        (_spec(precision="float8"), "/precision", "'bfloat16'"),
        # Wrong types
        (_spec(epochs="20"), "/epochs", 'must be an integer, not "20"'),
        (_spec(epochs=True), "/epochs", "must be an integer, not true"),
        (_spec(epochs=2.5), "/epochs", "must be an integer, not 2.5"),
        (_spec(epochs=None), "/epochs", "not null"),
        (_spec(seed=[1]), "/seed", "not a list"),
        (_spec(optimizer={"learning_rate": "0.1"}), "/optimizer/learning_rate", "a number"),
        (_spec(optimizer={"learning_rate": True}), "/optimizer/learning_rate", "a number"),
        (_spec(optimizer={"learning_rate": {}}), "/optimizer/learning_rate", "not an object"),
        (_spec(probes={"unit_activity": 1}), "/probes/unit_activity", "true or false"),
        (_spec(activation="relu"), "/activation", "must be an object"),
        (_spec(network={"hidden": 8}), "/network/hidden", "must be a list"),
        (_spec(network={"hidden": [8, "8"]}), "/network/hidden/1", "must be an integer"),
        (_spec(name=3), "/name", "must be a string"),
        # Numbers that are none, and numbers too large for a machine
        (_spec(optimizer={"learning_rate": float("nan")}), "/optimizer/learning_rate", "NaN"),
        (_spec(optimizer={"learning_rate": float("inf")}), "/optimizer/learning_rate", "finite"),
        (b'{"optimizer": {"learning_rate": 1e999}}', "/optimizer/learning_rate", "finite"),
        (
            _activation(name="relu", derivative_at_zero=float("nan")),
            "/activation/derivative_at_zero",
            "finite",
        ),
        (
            _activation(name="relu", derivative_at_zero=10**400),
            "/activation/derivative_at_zero",
            "64 bits",
        ),
        (_spec(epochs=float("nan")), "/epochs", "must be an integer"),
        (_spec(epochs=10**400), "/epochs", "64 bits"),
        (_spec(seed=2**63), "/seed", "64 bits"),
        (_spec(dataset={"name": "abs", "size": 10**30}), "/dataset/size", "64 bits"),
        # Out of range
        (_spec(optimizer={"learning_rate": -0.1}), "/optimizer/learning_rate", "at least 0"),
        (
            _spec(optimizer={"learning_rate": 1, "momentum": 1}),
            "/optimizer/momentum",
            "less than 1",
        ),
        (
            _spec(optimizer={"learning_rate": 1, "clip_grad_norm": 0}),
            "/optimizer/clip_grad_norm",
            "greater than 0",
        ),
        (_spec(epochs=-1), "/epochs", "at least 0"),
        (_spec(batch_size=0), "/batch_size", "at least 1"),
        (_spec(seed=-1), "/seed", "at least 0"),
        (_spec(network={"hidden": []}), "/network/hidden", "at least 1 items"),
        (_spec(network={"kind": "cnn", "kernel_size": 4}), "/network/kernel_size", "1, 3, 5 or 7"),
        (_spec(network={"hidden": [0]}), "/network/hidden/0", "at least 1"),
        (
            _spec(dataset={"name": "abs", "validation_fraction": 1}),
            "/dataset/validation_fraction",
            "at most 0.9",
        ),
        # Text
        (_spec(name=""), "/name", "at least 1 characters"),
        (_spec(name="n" * 201), "/name", "at most 200"),
        (_spec(name="a\0b"), "/name", "control characters"),
        (_spec(name="a\ud800b"), "/name", "surrogates"),
        (_spec(name="a\nb"), "/name", "control characters"),
        (_spec(**{"a\ud800": 1}), "", "field's name"),
        (_spec(**{"a\0": 1}), "", "field's name"),
        (_spec(network={"hidden": ["\ud800"]}), "/network/hidden/0", "surrogates"),
        # Parts that do not fit each other
        (
            _activation(name="sigmoid", derivative_at_zero=0),
            "/activation/derivative_at_zero",
            "sigmoid has a derivative at 0",
        ),
        (
            _activation(name="elu", derivative_at_zero=1),
            "/activation",
            "leave derivative_at_zero out",
        ),
        (
            _activation(name="relu", gradient_at_zero="overwrite"),
            "/activation",
            "must be given",
        ),
        (
            _spec(loss={"name": "mse", "derivative_at_zero": 0}),
            "/loss/derivative_at_zero",
            "mse has a derivative",
        ),
        (_activation(name="rrelu", lower=0.5, upper=0.1), "/activation", "must not exceed"),
        (_spec(optimizer={"learning_rate": 1, "nesterov": True}), "/optimizer", "momentum"),
        (_spec(network={"init": {"name": "normal"}}), "/network/init", "scale is needed"),
    ],
)
def test_a_spec_that_is_none_is_refused(
    still: httpx.Client, content: bytes, pointer: str, hint: str
) -> None:
    errors = problem(_post(still, content), "invalid_spec")["errors"]
    found = {error["pointer"]: error["detail"] for error in errors}
    assert hint in found[pointer]


@pytest.mark.parametrize(
    ("content", "pointer", "hint"),
    [
        (_spec(epochs=10**12), "/epochs", "the limit here is"),
        (_spec(batch_size=10**12), "/batch_size", "the limit here is"),
        (_spec(network={"hidden": [2**62]}), "/network/hidden/0", "the limit here is"),
        (_spec(network={"kind": "cnn"}), "/network/kind", "takes images"),
        (
            _spec(network={"normalization": "batch"}, batch_size=1),
            "/batch_size",
            "at least 2 for a variance",
        ),
        (_spec(network={"hidden": [8] * 1000}), "/network/hidden", "hidden layers"),
        (
            _activation(name="relu", derivative_at_zero=1, gradient_at_zero="overwrite"),
            "/activation/gradient_at_zero",
            "drops the chain rule",
        ),
        (
            _spec(probes={"linear_regions": True}, activation={"name": "tanh"}),
            "/probes/linear_regions",
            "piecewise linear",
        ),
        (_spec(network={"hidden": [4096] * 32}), "/network", "parameters"),
        (_spec(dataset={"name": "abs", "size": 2**62}), "/dataset/size", "examples"),
        (_spec(dataset={"name": "linear", "size": 10**6, "features": 10**4}), "/dataset", "times"),
        (_spec(dataset={"name": "digits"}), "/loss/name", "mse is a loss for regression"),
        (_spec(loss={"name": "cross_entropy"}), "/loss/name", "for classification"),
        (
            _spec(
                dataset={"name": "iris", "validation_fraction": 0.01},
                loss={"name": "cross_entropy"},
            ),
            "/dataset/validation_fraction",
            "classes",
        ),
    ],
)
def test_a_spec_that_cannot_run_here_is_refused(
    still: httpx.Client, content: bytes, pointer: str, hint: str
) -> None:
    errors = problem(_post(still, content), "spec_rejected")["errors"]
    found = {error["pointer"]: error["detail"] for error in errors}
    assert hint in found[pointer]


def test_all_errors_of_a_spec_are_told_at_once(still: httpx.Client) -> None:
    response = _post(still, _spec(epochs="1", seed=-1, foo=1, loss={"name": "nope"}))
    assert sorted(pointers(response, "invalid_spec")) == ["/epochs", "/foo", "/loss/name", "/seed"]


def test_thousands_of_errors_are_answered_with_the_first(still: httpx.Client) -> None:
    content = json.dumps({f"field{i}": 1 for i in range(20_000)}).encode()
    assert len(pointers(_post(still, content), "invalid_spec")) == 100


def test_a_long_path_above_many_values_is_answered_shortly(still: httpx.Client) -> None:
    inner: Any = ["\0"] * 60_000
    for _ in range(50):
        inner = {"k" * 200: inner}
    response = _post(still, json.dumps({"k" * 200: inner}).encode())
    assert len(pointers(response, "invalid_spec")) == 100
    response = _post(still, json.dumps({"k" * 400_000: ["\0"] * 60_000}).encode())
    assert pointers(response, "invalid_spec") == [""]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/jobs?limit=0", "/query/limit"),
        ("/v1/jobs?limit=201", "/query/limit"),
        ("/v1/jobs?limit=x", "/query/limit"),
        ("/v1/jobs?limit=" + "9" * 5000, "/query/limit"),
        ("/v1/jobs?limit=1&limit=2", "/query/limit"),
        ("/v1/jobs?limt=1", "/query/limt"),
        ("/v1/jobs?a%2Fb~=1", "/query/a~1b~0"),
        ("/v1/jobs?status=done", "/query/status"),
        ("/v1/jobs?outcome=ok", "/query/outcome"),
        ("/v1/jobs?activation=rellu", "/query/activation"),
        ("/v1/jobs?name=", "/query/name"),
        ("/v1/jobs?name=%00", "/query/name"),
        ("/v1/jobs?name=%FF", "/query/name"),
        ("/v1/jobs?name=a%C3", "/query/name"),
        ("/v1/studies?template=%FF", "/query/template"),
        ("/v1/datasets?name=%ED%A0%80", "/query/name"),
        ("/v1/jobs?sweep_id=1", "/query/sweep_id"),
        ("/v1/jobs?study_id=std_%00", "/query/study_id"),
        ("/v1/jobs?cursor=", "/query/cursor"),
        ("/v1/jobs?cursor=abc", "/query/cursor"),
        ("/v1/jobs?cursor=%FF%00", "/query/cursor"),
        ("/v1/jobs?cursor=bnVsbA", "/query/cursor"),
        ("/v1/jobs?cursor=WzEsMl0", "/query/cursor"),
        ("/v1/jobs?cursor=WyJqb2JfMSIsMl0", "/query/cursor"),
        ("/v1/jobs?cursor=" + "W1tb" * 100, "/query/cursor"),
        ("/v1/jobs?cursor=" + "a" * 501, "/query/cursor"),
        ("/v1/jobs/job_1?wait=61", "/query/wait"),
        ("/v1/jobs/job_1?wait=-1", "/query/wait"),
        ("/v1/jobs/job_1?wait=nan", "/query/wait"),
        ("/v1/jobs/job_1?wiat=1", "/query/wiat"),
        ("/v1/jobs/job_1/epochs?max_points=0", "/query/max_points"),
        ("/v1/jobs/job_1/units?layer=-1", "/query/layer"),
        ("/v1/catalog?x=1", "/query/x"),
        ("/healthz?x=1", "/query/x"),
        ("/readyz?x=1", "/query/x"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(still: httpx.Client, path: str, pointer: str) -> None:
    if "job_1" in path:
        path = path.replace("job_1", f"job_{0:032x}")
    assert pointers(still.get(path), "invalid_request") == [pointer]


@pytest.mark.parametrize("job_id", [f"job_{1:032x}", "job_1", "%00", "%FF", "x" * 5000, "'--"])
@pytest.mark.parametrize("tail", ["", "/epochs", "/layers", "/units", "/events", "/cancel"])
def test_an_unknown_job_is_not_found(still: httpx.Client, job_id: str, tail: str) -> None:
    response = still.request("POST" if tail == "/cancel" else "GET", f"/v1/jobs/{job_id}{tail}")
    assert response.status_code == 404
    assert response.json()["code"] == "job_not_found"


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/jobs/", "/static/nope.js", "/static/../x"])
def test_an_unknown_path_is_not_found(still: httpx.Client, path: str) -> None:
    assert still.get(path).json()["code"] == "path_not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("PUT", f"/v1/jobs/job_{0:032x}", "DELETE, GET, HEAD, OPTIONS"),
        ("GET", f"/v1/jobs/job_{0:032x}/cancel", "OPTIONS, POST"),
        ("POST", "/docs", "GET, HEAD, OPTIONS"),
        ("POST", "/static/app.js", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    still: httpx.Client, method: str, path: str, allowed: str
) -> None:
    response = still.request(method, path)
    problem(response, "method_not_allowed")
    assert response.headers["allow"] == allowed


_LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["relu", "elu", "mse", "mae", "abs", "digits", "sgd", "adam", "linear", "mlp"]
    )
)
_KEY = st.text(max_size=3) | st.sampled_from(
    ["name", "kind", "dataset", "network", "activation", "loss", "optimizer", "epochs", "hidden",
     "derivative_at_zero", "learning_rate", "schedule", "init", "probes", "size", "alpha", "scale"]
)  # fmt: skip
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=4)
)
_BROKEN = st.dictionaries(st.sampled_from(list(SMALL)) | _KEY, _VALUE, min_size=1, max_size=4)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=_BROKEN, raw=st.none() | st.binary(max_size=30))
def test_no_body_makes_the_service_fail(
    still: httpx.Client, changes: dict[str, Any], raw: bytes | None
) -> None:
    # `epochs` is never valid, so nothing is stored whatever else is.
    spec = SMALL | changes | {"epochs": "never"}
    content = json.dumps(spec).encode() if raw is None else raw
    response = _post(still, content)
    assert response.status_code in (400, 422)
    for error in response.json()["errors"]:
        assert error["pointer"] == "" or error["pointer"].startswith("/")
