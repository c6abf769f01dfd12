"""Each rule on a history that it must see, and on the nearest one that it must not."""

from collections.abc import Sequence
from typing import Any

import pytest

from service.diagnosis import History, thresholds
from service.domain.diagnosis import Code, Severity
from tests.unit.diagnosis.histories import (
    DIGITS,
    INF,
    LEARNS,
    evidence,
    found,
    growing,
    past,
)

DEEP: dict[str, Any] = {"network": {"hidden": [100] * 4}, "activation": {"name": "sigmoid"}}
SIGMOID: dict[str, Any] = {"activation": {"name": "sigmoid"}}


def flat(values: Sequence[Any]) -> list[list[Any]]:
    """The same row of layers in every epoch from 1 on; none at epoch 0."""
    return [[None] * len(values), *[list(values)] * 8]


def test_a_training_as_it_should_be_is_healthy_and_nothing_else() -> None:
    assert list(found(past())) == [Code.HEALTHY]
    (healthy,) = found(past()).values()
    assert healthy.severity is Severity.INFO
    assert healthy.treatments == []


BAD: dict[str, tuple[Code, History]] = {
    "a layer that died": (
        Code.DEAD_LAYER,
        past(layers={"dead": [[0, 0], [0, 60], *[[0, 100]] * 7]}),
    ),
    "units that died": (Code.DEAD_UNITS, past(layers={"dead": growing(20)})),
    "units born dead": (Code.BORN_DEAD, past(layers={"dead": [[10, 10]] * 9})),
    "dormant units": (Code.DORMANT_UNITS, past(layers={"dormant": [[0, 50]] * 9})),
    "saturated units": (
        Code.SATURATED_UNITS,
        past(spec=SIGMOID, layers={"saturated": [[0, 50]] * 9}),
    ),
    "a derivative rounded to 0": (
        Code.SATURATED_UNITS,
        past(spec=SIGMOID, layers={"dead": [[25, 25]] * 9}),
    ),
    "a vanishing gradient": (
        Code.VANISHING_GRADIENT,
        past(spec=DEEP, layers={"grad_norm_mean": flat([0.02, 0.1, 0.4, 1.0])}),
    ),
    "a gradient that grows downwards": (
        Code.EXPLODING_GRADIENT,
        past(spec=DEEP, layers={"grad_norm_mean": flat([5000.0, 100.0, 10.0, 1.0])}),
    ),
    "a spike": (
        Code.EXPLODING_GRADIENT,
        past(epochs=LEARNS | {"grad_norm_max": [None, 2, 2, 2, 2, 100, 2, 2, 2]}),
    ),
    "a gradient that is not finite": (
        Code.EXPLODING_GRADIENT,
        past(epochs=LEARNS | {"grad_norm_max": [None, 2, 2, 2, 2, 2, 2, 2, INF]}),
    ),
    "long steps": (Code.LARGE_STEPS, past(layers={"update_ratio": flat([0.001, 0.05])})),
    "a convention of the activation": (
        Code.CONVENTION_MATTERED,
        past(
            epochs=LEARNS
            | {
                "kink_hits": [None, 9, *[0] * 7],
                "kink_effective": [None, 4, *[0] * 7],
                "first_effective_step": [None, 17, *[None] * 7],
            }
        ),
    ),
    "a convention of the loss": (
        Code.CONVENTION_MATTERED,
        past(
            epochs=LEARNS
            | {
                "loss_kink_hits": [None, 9, *[0] * 7],
                "loss_kink_effective": [None, 9, *[0] * 7],
                "first_effective_step": [None, 3, *[None] * 7],
            }
        ),
    ),
    "a loss that stays": (
        Code.NO_LEARNING,
        past(epochs=LEARNS | {"train_loss": [2.3, *[2.28] * 8]}),
    ),
    "answers that are guesses": (
        Code.NO_LEARNING,
        past(epochs=LEARNS | {"train_loss": [2.9, *[2.3] * 8], "train_metric": [0.1] * 9}),
    ),
    "an early end": (
        Code.STILL_IMPROVING,
        past(epochs=LEARNS | {"train_loss": [2.3, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8, 0.6]}),
    ),
    "a poor fit": (
        Code.UNDERFIT,
        past(epochs=LEARNS | {"train_metric": [0.1, *[0.7] * 8], "validation_metric": [0.7] * 9}),
    ),
    "a validation loss that rises": (
        Code.OVERFIT,
        past(epochs=LEARNS | {"validation_loss": [2.3, 1, 0.3, 0.2, 0.21, 0.22, 0.23, 0.24, 0.25]}),
    ),
    "a gap": (Code.OVERFIT, past(epochs=LEARNS | {"validation_metric": [0.1, *[0.8] * 8]})),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_found_with_numbers_and_where_they_are(name: str) -> None:
    code, history = BAD[name]
    finding = found(history)[code]
    assert finding.evidence
    assert finding.series is not None
    assert finding.series.startswith(f"/v1/jobs/{history.job.id}/")
    assert finding.summary.endswith(".")
    assert (Code.HEALTHY in found(history)) == (finding.severity is Severity.INFO)


GOOD: dict[str, tuple[Code, History]] = {
    "a layer with one unit alive": (
        Code.DEAD_LAYER,
        past(layers={"dead": [[0, 0], *[[0, 99]] * 8]}),
    ),
    "a layer that came back": (
        Code.DEAD_LAYER,
        past(layers={"dead": [[0, 0], *[[0, 100]] * 7, [0, 40]]}),
    ),
    "few dead units": (Code.DEAD_UNITS, past(layers={"dead": growing(19)})),
    "born dead is not died": (Code.DEAD_UNITS, past(layers={"dead": [[0, 60]] * 9})),
    "few born dead": (Code.BORN_DEAD, past(layers={"dead": [[9, 10]] * 9})),
    "dead is not dormant": (
        Code.DORMANT_UNITS,
        past(layers={"dormant": [[0, 60]] * 9, "dead": [[0, 40]] * 9}),
    ),
    "few saturated": (
        Code.SATURATED_UNITS,
        past(spec=SIGMOID, layers={"saturated": [[0, 49]] * 9}),
    ),
    "relu does not saturate": (Code.SATURATED_UNITS, past(layers={"saturated": [[90, 90]] * 9})),
    "a sigmoid does not die": (
        Code.DEAD_LAYER,
        past(spec=SIGMOID, layers={"dead": [[100, 100]] * 9}),
    ),
    "a gradient that is kept": (
        Code.VANISHING_GRADIENT,
        past(spec=DEEP, layers={"grad_norm_mean": flat([0.06, 0.1, 0.4, 1.0])}),
    ),
    "a gradient that vanished for a while": (
        Code.VANISHING_GRADIENT,
        past(
            spec=DEEP,
            layers={"grad_norm_mean": [[None] * 4, *[[0.01, 1, 1, 1]] * 3, *[[1, 1, 1, 1]] * 5]},
        ),
    ),
    "a dead layer blocks it": (
        Code.VANISHING_GRADIENT,
        past(layers={"grad_norm_mean": flat([0.0, 1.0]), "dead": [[0, 100]] * 9}),
    ),
    "a single layer": (
        Code.VANISHING_GRADIENT,
        past(
            spec={"network": {"hidden": [100]}},
            layers={"grad_norm_mean": [[None], *[[1e-9]] * 8]},
        ),
    ),
    "large gradients at the start": (
        Code.EXPLODING_GRADIENT,
        past(epochs=LEARNS | {"grad_norm_max": [None, 500, 2, 2, 2, 99, 2, 2, 2]}),
    ),
    "steps of the usual length": (
        Code.LARGE_STEPS,
        past(layers={"update_ratio": flat([0.049, 0.049])}),
    ),
    "hits that changed nothing": (
        Code.CONVENTION_MATTERED,
        past(epochs=LEARNS | {"kink_hits": [None, *[9] * 8], "kink_effective": [None, *[0] * 8]}),
    ),
    "a loss that falls": (
        Code.NO_LEARNING,
        past(epochs=LEARNS | {"train_loss": [2.3, *[2.27] * 8]}),
    ),
    "better than guesses": (
        Code.NO_LEARNING,
        past(epochs=LEARNS | {"train_metric": [0.1, *[0.16] * 8]}),
    ),
    "slow from a bad start, and not over": (
        Code.NO_LEARNING,
        past(
            epochs=LEARNS
            | {"train_loss": [9.0, 8, 7, 6, 5, 4, 3.5, 3, 2.5], "train_metric": [0.1] * 9}
        ),
    ),
    "a loss at rest": (Code.STILL_IMPROVING, past()),
    "too few epochs to tell": (
        Code.STILL_IMPROVING,
        past(epochs={"train_loss": [2.3, 2.0, 1.5, 1.0]}),
    ),
    "a good fit": (
        Code.UNDERFIT,
        past(epochs=LEARNS | {"train_metric": [0.1, *[0.8] * 8], "validation_metric": [0.8] * 9}),
    ),
    "both losses rise": (
        Code.OVERFIT,
        past(
            epochs=LEARNS
            | {
                "train_loss": [2.3, 0.9, 0.4, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
                "validation_loss": [2.3, 1, 0.3, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
            }
        ),
    ),
    "a small gap": (Code.OVERFIT, past(epochs=LEARNS | {"validation_metric": [0.1, *[0.85] * 8]})),
    "no validation part": (
        Code.OVERFIT,
        past(epochs={"train_loss": LEARNS["train_loss"], "validation_loss": [None] * 9,
                     "validation_metric": [None] * 9}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_it_is_not_found_where_it_is_not(name: str) -> None:
    code, history = GOOD[name]
    assert code not in found(history)


def test_a_dead_layer_is_told_since_when() -> None:
    history = past(layers={"dead": [[0, 0], [0, 100], [0, 60], *[[0, 100]] * 6]})
    (one,) = evidence(history, Code.DEAD_LAYER)
    assert (one.layer, one.epoch, one.value) == (1, 3, 100)
    assert "since epoch 3" in found(history)[Code.DEAD_LAYER].summary
    born = past(layers={"dead": [[0, 100]] * 9})
    assert "since birth" in found(born)[Code.DEAD_LAYER].summary
    names = [one.name for one in found(born)[Code.DEAD_LAYER].treatments]
    assert names[0] == "randomized_asymmetric"


def test_dead_units_are_counted_without_those_born_dead_and_dated() -> None:
    dead = [[0, n] for n in (10, 20, 60, 70, *[80] * 5)]
    history = past(layers={"dead": dead})
    share, rise, since, *layers = evidence(history, Code.DEAD_UNITS)
    assert share.value == pytest.approx(0.35)
    assert share.threshold == thresholds.DEAD_SHARE
    assert rise.epoch == 2
    assert rise.value == pytest.approx(0.2)
    assert since.value == 2
    assert [(one.layer, one.value) for one in layers] == [(1, 80)]
    assert found(history)[Code.DEAD_UNITS].severity is Severity.WARNING
    worse = past(layers={"dead": growing(90)})
    assert found(worse)[Code.DEAD_UNITS].severity is Severity.CRITICAL


def test_epochs_with_nan_are_passed_over() -> None:
    history = past(layers={"dead": [*growing(40)[:6], *[[None, None]] * 3]})
    assert evidence(history, Code.DEAD_UNITS)[0].epoch == 5


def test_the_gradient_is_compared_per_weight() -> None:
    # The first layer has 6,500 weights and biases, the last of the hidden ones 11: norms of
    # 1 and 0.1 are root mean squares of 0.0124 and 0.0302.
    spec = {"network": {"hidden": [100, 10, 1]}}
    history = past(spec=spec, layers={"grad_norm_mean": flat([1.0, 0.5, 1.0])})
    (ratio, *profile) = evidence(history, Code.VANISHING_GRADIENT)
    assert ratio.value == pytest.approx((1 / 6500**0.5) / (1 / 11**0.5))
    assert [(one.layer, one.value) for one in profile] == [(0, 1.0), (1, 0.5), (2, 1.0)]


def test_the_convention_is_told_with_step_layer_and_counts() -> None:
    history = past(
        epochs=LEARNS
        | {
            "kink_hits": [None, 5, 7, *[0] * 6],
            "kink_effective": [None, 0, 3, *[0] * 6],
            "first_effective_step": [None, None, 31, *[None] * 6],
        },
        layers={"kink_effective": [[None, None], [0, 0], [0, 3], *[[0, 0]] * 6]},
    )
    step, hits, effective, layer = evidence(history, Code.CONVENTION_MATTERED)
    assert (step.value, step.epoch) == (31, 2)
    assert (hits.value, effective.value) == (12, 3)
    assert (layer.layer, layer.epoch, layer.value) == (1, 2, 3)
    (twin,) = found(history)[Code.CONVENTION_MATTERED].treatments
    assert twin.changes == {"activation.derivative_at_zero": 0.5}


LINEAR: dict[str, Any] = {
    "dataset": {"name": "diabetes"},
    "network": {"kind": "linear"},
    "activation": {"name": "identity"},
    "loss": {"name": "mae"},
}


@pytest.mark.parametrize(("gap", "is_found"), [(0.02, True), (0.009, False), (None, False)])
def test_a_linear_network_is_held_against_its_optimum(gap: float | None, is_found: bool) -> None:
    series = {"train_metric": [0.0, *[0.6] * 8], "validation_metric": [0.0, *[0.5] * 8]}
    gaps = {"optimality_gap": [gap and 1.0, *[gap] * 8]}
    history = past(spec=LINEAR, epochs=LEARNS | series | gaps)
    findings = found(history)
    assert (Code.ABOVE_OPTIMUM in findings) == is_found
    assert (Code.HEALTHY in findings) != is_found
    if is_found:
        names = [one.name for one in findings[Code.ABOVE_OPTIMUM].treatments]
        assert "cosine" in names


def test_treatments_change_what_the_spec_has_not() -> None:
    spec = {
        "activation": {"name": "leaky_relu"},
        "network": {"hidden": [100, 100], "normalization": "batch"},
        "optimizer": {"learning_rate": 0.1, "clip_grad_norm": 0.5},
    }
    history = past(spec=spec, layers={"dead": growing(90)})
    names = [one.name for one in found(history)[Code.DEAD_UNITS].treatments]
    assert names == ["rate_times_0.1", "warm_up"]


def test_no_treatment_is_offered_that_could_not_run() -> None:
    # A last mini-batch of one example has no variance: batch normalisation would be refused.
    spec = {"batch_size": 1437, "dataset": DIGITS["dataset"], "epochs": 8}
    history = past(spec=spec, layers={"dead": growing(90)})
    assert history.job.spec.smallest_batch == 1
    names = [one.name for one in found(history)[Code.DEAD_UNITS].treatments]
    assert "batch_normalization" not in names
    assert "leaky_relu" in names


def test_the_most_severe_comes_first() -> None:
    history = past(
        layers={"dead": [[0, 100]] * 9, "update_ratio": flat([0.5, 0.5])},
        epochs=LEARNS | {"validation_metric": [0.1, *[0.5] * 8]},
    )
    severities = [one.severity for one in found(history).values()]
    assert severities == sorted(severities, key=list(Severity).index)
    assert len(set(severities)) == 3
