"""From bytes to a spec: whatever the bytes, the answer is a spec or a problem."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.body import parse_spec
from service.api.errors import ApiError
from service.domain.limits import Limits
from service.planning import check, warn
from tests.specs import SMALL

_NUMBERS = st.integers() | st.floats() | st.integers(-3, 3) | st.sampled_from([2**63, 10**400])
_WORDS = st.sampled_from(
    ["relu", "elu", "rrelu", "selu", "prelu", "tanh", "mse", "mae", "cross_entropy", "abs", "blobs",
     "digits", "iris", "linear", "mlp", "sgd", "adam", "constant", "normal", "zeros"]
)  # fmt: skip
_FIELDS = st.sampled_from(
    ["name", "kind", "hidden", "init", "scale", "bias", "derivative_at_zero", "alpha", "lower",
     "upper", "init", "learning_rate", "momentum", "nesterov", "schedule", "size", "noise", "seed",
     "features", "centers", "validation_fraction", "split_seed", "probes", "epochs", "batch_size"]
)  # fmt: skip
_LEAVES = st.none() | st.booleans() | _NUMBERS | _WORDS | st.text(max_size=5)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_FIELDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
_CHANGES = st.dictionaries(st.sampled_from(list(SMALL)) | _FIELDS, _VALUES, max_size=3)
_NESTED = st.tuples(
    st.sampled_from([key for key, value in SMALL.items() if isinstance(value, dict)]),
    st.dictionaries(_FIELDS, _LEAVES, max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(changes=_CHANGES, nested=_NESTED)
def test_any_document_is_a_spec_or_a_problem(
    changes: dict[str, Any], nested: tuple[str, dict[str, Any]]
) -> None:
    part, fields = nested
    document = SMALL | {part: SMALL[part] | fields} | changes
    try:
        posted = parse_spec(json.dumps(document).encode())
    except ApiError as problem:
        for error in problem.errors:
            _resolve(document, error.pointer)
        return
    assert isinstance(check(posted.spec, Limits()), list)
    assert isinstance(warn(posted.spec), list)


def _resolve(document: Any, pointer: str) -> None:
    """Follows the pointer through what was written; only its last step may be missing there."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for depth, step in enumerate(steps):
        missing = isinstance(document, dict) and step not in document
        if missing and depth == len(steps) - 1:
            return
        document = document[int(step)] if isinstance(document, list) else document[step]


@settings(max_examples=500, deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_problem(raw: bytes) -> None:
    with pytest.raises(ApiError):
        parse_spec(raw)


def test_the_digest_ignores_order_and_space_and_nothing_else() -> None:
    one = parse_spec(json.dumps(SMALL).encode())
    same = parse_spec(json.dumps(dict(reversed(SMALL.items())), indent=3).encode())
    other = parse_spec(json.dumps(SMALL | {"seed": 0}).encode())
    assert one.digest == same.digest
    assert one.spec == other.spec
    assert one.digest != other.digest
