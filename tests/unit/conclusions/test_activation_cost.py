"""activation-cost on times whose ratio is known."""

from collections.abc import Mapping
from typing import get_args

import pytest

from service.domain.activations import AnyActivation
from service.domain.findings import Verdict
from service.studies.templates.activation_cost import CURVED, PLAIN
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement

WIDTH = 1024


def costs(ratios: Mapping[str, float]) -> Measuring:
    """Others cost 2; every job runs on a machine of another speed."""

    def measure(job: Job) -> Measured:
        name, speed = job.point["activation.name"], 10 ** job.random.uniform(-6, -3)
        plain = {"relu": 1.0, "identity": 0.5}
        ratio = ratios.get(name, plain.get(name, 2.0)) * 10 ** job.random.gauss(0, 0.005)
        return Measured(
            epochs={
                "activation_forward_s": speed * ratio,
                "activation_backward_s": 3 * speed * ratio,
                "relu_forward_s": speed,
                "relu_backward_s": 3 * speed,
            },
            environment={"device": "cpu", "device_name": "some", "torch": "2.13"},
        )

    return measure


def test_it_is_supported_where_every_curved_activation_takes_longer() -> None:
    found = conclude("activation-cost", costs({}))
    assert found.verdict is Verdict.SUPPORTED
    assert statement(found, "gelu takes").estimate.value == pytest.approx(2.0, rel=0.03)
    assert statement(found, "beside itself").verdict is Verdict.SUPPORTED
    assert "cpu some" in found.remarks[0]


def test_it_is_refuted_where_one_is_cheaper() -> None:
    found = conclude("activation-cost", costs({"silu": 0.8}))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "silu takes").verdict is Verdict.REFUTED
    assert statement(found, "tanh takes").verdict is Verdict.SUPPORTED


def test_every_activation_is_timed() -> None:
    kinds = get_args(get_args(AnyActivation)[0])
    names = {name for kind in kinds for name in get_args(kind.model_fields["name"].annotation)}
    assert {*CURVED, *PLAIN} == names
    assert len(CURVED) + len(PLAIN) == len(names) == 18
    (table,) = conclude("activation-cost", costs({})).tables
    assert [row[0] for row in table.rows] == [*PLAIN, *CURVED]


def test_a_method_that_favours_its_second_is_found_out() -> None:
    found = conclude("activation-cost", costs({"relu": 1.4}))
    assert statement(found, "beside itself").verdict is Verdict.REFUTED
    assert found.verdict is Verdict.SUPPORTED


def test_jobs_that_were_not_timed_are_counted() -> None:
    timed = costs({})

    def measure(job: Job) -> Measured:
        return Measured() if job.seed == 0 else timed(job)

    assert statement(conclude("activation-cost", measure), "mish").estimate.excluded == {
        "not measured": 1
    }
