"""Conventions where kinks are met, against a plain loop in PyTorch."""

from typing import Any

import numpy as np
import pytest

from service.domain.spec import JobSpec
from tests.unit.engine.comparing import differences
from tests.unit.engine.plain_cohorts import KINKED_DATA, cohort
from tests.unit.engine.running import GiveDiabetes, run_all

CONVENTIONS = (0.0, 0.3, 0.9, -2.0)


@pytest.mark.parametrize("loss", [{"name": "mae"}, {"name": "quantile", "q": 0.3}], ids=str)
def test_every_convention_agrees_where_residuals_are_0(
    given_diabetes: GiveDiabetes, loss: dict[str, Any]
) -> None:
    """Half of the targets are 0, which is what a network of zeros answers; so are half of the
    examples, for which it goes on to answer 0 for as long as its bias does not move."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((442, 10)) * (np.arange(442) % 2)[:, None]
    given_diabetes(features, rng.integers(0, 3, 442) * (np.arange(442) % 2).astype(float))
    specs = cohort(
        dataset={"name": "diabetes", "scaling": "none"},
        loss=loss,
        network={"kind": "linear"},
        batch_size=64,
    )
    losses = [specs[0].loss, *(specs[0].loss.model_copy(update=chosen(a)) for a in CONVENTIONS)]
    specs = [spec.model_copy(update={"loss": one}) for spec, one in zip(specs, losses, strict=True)]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    assert all((one.epochs[1].metrics.loss_kink_hits or 0) > 10 for one in stories)


def test_every_convention_agrees_where_margins_are_met() -> None:
    """32 examples, half of them x = 0 of one class and half x = 1 of the other, in one batch. The
    first step of rate 2 makes the outputs at x = 1 -1/2 and 1/2: exactly at the margin of 1."""
    specs = [
        spec.model_copy(update={"loss": spec.loss.model_copy(update=chosen(a))})
        for a, spec in zip(
            CONVENTIONS,
            cohort(
                dataset=KINKED_DATA | {"size": 40},
                loss={"name": "hinge"},
                network={"kind": "linear"},
                batch_size=64,
            ),
            strict=False,
        )
    ]
    plain = specs[0].optimizer.model_copy(update={"learning_rate": 2.0})
    specs = [spec.model_copy(update={"optimizer": plain}) for spec in specs]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    assert [one.epochs[2].metrics.loss_kink_hits for one in stories] == [16] * len(specs)
    assert len({one.epochs[2].metrics.grad_norm_last for one in stories}) == len(specs)


def chosen(convention: float) -> dict[str, float]:
    return {"derivative_at_zero": convention}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("relu", {}),
        ("relu6", {}),
        ("leaky_relu", {}),
        ("prelu", {}),
        ("rrelu", {"lower": 0.3, "upper": 0.3}),
        ("elu", {"alpha": 2.0}),
        ("selu", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_convention_agrees_where_kinks_are_met(
    name: str, parameters: dict[str, float]
) -> None:
    conventions: list[dict[str, float]] = [
        {},
        *({"derivative_at_zero": value} for value in (0.0, 0.5, 1.0, -3.0)),
    ]
    specs = [
        JobSpec.model_validate(
            {
                "dataset": KINKED_DATA,
                "network": {"hidden": [5, 3]},
                "activation": {"name": name} | parameters | convention,
                "loss": {"name": "cross_entropy"},
                "optimizer": {"learning_rate": 0.05},
                "epochs": 2,
                "batch_size": 8,
                "seed": seed,
                "precision": "float64",
            }
        )
        for seed, convention in enumerate(conventions)
    ]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    assert all(sum(event.metrics.kink_hits or 0 for event in one.epochs) > 0 for one in stories)


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "prelu", "selu"])
def test_a_convention_written_over_the_gradient_agrees(name: str, normalization: str) -> None:
    """With autograd functions of their own, in one stack with members that keep the chain rule.
    The last batch of 3 examples is padded, as are the layers of 5 and 3 units; with biases of 0
    the padding is at the kink too, where nothing may be written."""
    specs = [
        JobSpec.model_validate(
            {
                "dataset": KINKED_DATA | {"size": 44},
                "network": {"hidden": [5, 3], "normalization": normalization},
                "activation": {"name": name, "gradient_at_zero": form, "derivative_at_zero": a},
                "loss": {"name": "cross_entropy"},
                "optimizer": {"learning_rate": 0.05},
                "epochs": 2,
                "batch_size": 8,
                "precision": "float64",
            }
        )
        for form in ("overwrite", "chain_rule")
        for a in CONVENTIONS
    ]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    if normalization == "none":
        hits = [story.epochs[1].metrics for story in stories]
        assert all((one.kink_hits or 0) > 0 for one in hits)
        written = hits[: len(CONVENTIONS)]
        assert [one.kink_effective for one in written] == [one.kink_hits for one in written]
        assert all(
            over.grad_norm_mean != by_rule.grad_norm_mean
            for over, by_rule in list(zip(written, hits[len(CONVENTIONS) :], strict=True))[1:]
        )
