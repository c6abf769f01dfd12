"""One thread, so that small networks do not wait for each other's cores; each back end in turn; and
data made to order."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from numpy.typing import NDArray

from tests.unit.engine.running import taking_turns

Array = NDArray[Any]


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module", params=["chosen", "stacked-torch"])
def back_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything here holds for the back end that a spec gets, and for the one that serves where
    the native kernel cannot be built."""
    with taking_turns(request.param):
        yield


@pytest.fixture
def given_diabetes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Array, Array], None]:
    """Makes scikit-learn's diabetes, 442 examples of 10 features, what a test needs it to be:
    features [442, 10] and targets [442]."""

    def give(features: Array, targets: Array) -> None:
        assert features.shape == (442, 10)
        assert targets.shape == (442,)
        given = {"diabetes": (features, targets)}
        monkeypatch.setattr("workers.training.data._read_bundled", given.__getitem__)

    return give
