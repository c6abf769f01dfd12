"""Every loss, value and gradient, against torch.nn under autograd in float64.

Tolerance: means of at most 56 numbers, added in another order: 1e-14 of their size.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from service.domain.losses import AnyLoss, Loss
from tests.unit.engine.parts.trainings import CPU
from workers.training.losses import LOSSES, LossKernel, RowWeights
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch

ADAPTER: TypeAdapter[Loss] = TypeAdapter(AnyLoss)
REAL, OUTPUTS, ROWS = 14, 4, 32
SHAPES = Shapes(widths=(3, OUTPUTS), storage=torch.float64)
COLUMNS = SHAPES.padded_widths[-1]
CLASSES = ("cross_entropy", "bce", "hinge")
KINKED = ("mae", "quantile")


def pinball(out: Tensor, target: Tensor, q: float) -> Tensor:
    """As it is usually written; torch.nn has none."""
    error = target - out
    return torch.maximum(q * error, (q - 1) * error).mean()


def one_against_the_rest(out: Tensor, labels: Tensor) -> Tensor:
    """Targets of BCEWithLogitsLoss."""
    if out.shape[1] == 1:
        return labels[:, None].to(out.dtype)
    return nn.functional.one_hot(labels, out.shape[1]).to(out.dtype)


TORCH: dict[str, Callable[[Tensor, Tensor, Any], Tensor]] = {
    "mse": lambda out, target, _: nn.MSELoss()(out, target),
    "mae": lambda out, target, _: nn.L1Loss()(out, target),
    "huber": lambda out, target, spec: nn.HuberLoss(delta=spec.delta)(out, target),
    "smooth_l1": lambda out, target, spec: nn.SmoothL1Loss(beta=spec.beta)(out, target),
    "quantile": lambda out, target, spec: pinball(out, target, spec.q),
    "cross_entropy": lambda out, target, _: nn.CrossEntropyLoss()(out, target),
    "bce": lambda out, target, _: nn.BCEWithLogitsLoss()(out, one_against_the_rest(out, target)),
    "hinge": lambda out, target, spec: nn.MultiMarginLoss(margin=spec.margin)(out, target),
}
PARAMETERS: list[tuple[str, dict[str, float]]] = [
    *((name, {}) for name in TORCH),
    ("huber", {"delta": 0.3}),
    ("huber", {"delta": 5.0}),
    ("smooth_l1", {"beta": 0.3}),
    ("smooth_l1", {"beta": 5.0}),
    ("quantile", {"q": 0.1}),
    ("quantile", {"q": 0.95}),
    ("hinge", {"margin": 0.2}),
    ("hinge", {"margin": 4.0}),
]
CONVENTIONS = (0.0, 1.0, -1.0, 0.5, 3.0)


def loss(name: str, **parameters: float) -> Loss:
    return ADAPTER.validate_python({"name": name, **parameters})


def kernel_for(specs: list[Loss]) -> LossKernel:
    return LOSSES[specs[0].name](specs, SHAPES, CPU, Scratch())


def weights(real: int = REAL) -> RowWeights:
    return RowWeights(ROWS, real, SHAPES, CPU)


def draw(name: str, members: int, seed: int = 0, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Outputs [K, R, C] and targets, the padding zero as the engine keeps it."""
    generator = torch.Generator().manual_seed(seed)
    out = torch.zeros(members, ROWS, COLUMNS, dtype=torch.float64)
    out[:, :REAL, :OUTPUTS] = scale * torch.randn(
        members, REAL, OUTPUTS, dtype=torch.float64, generator=generator
    )
    if name in CLASSES:
        target = torch.zeros(members, ROWS, 1, dtype=torch.int64)
        target[:, :REAL] = torch.randint(OUTPUTS, (members, REAL, 1), generator=generator)
        return out, target
    target = torch.zeros_like(out)
    target[:, :REAL, :OUTPUTS] = torch.randn(
        members, REAL, OUTPUTS, dtype=torch.float64, generator=generator
    )
    return out, target


def run(kernel: LossKernel, out: Tensor, target: Tensor, real: int = REAL) -> tuple[Tensor, Tensor]:
    """The mean loss [K], and the gradient [K, R, C]."""
    g = torch.full_like(out, 77.0)
    value = kernel.step(out.clone(), target, weights(real), g)
    return value, g


def by_autograd(spec: Loss, out: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one member without padding."""
    leaf = out[:REAL, :OUTPUTS].clone().requires_grad_()
    wanted = target[:REAL, 0] if spec.name in CLASSES else target[:REAL, :OUTPUTS]
    value = TORCH[spec.name](leaf, wanted, spec)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def assert_as_torch(spec: Loss, out: Tensor, target: Tensor) -> None:
    value, g = run(kernel_for([spec] * len(out)), out, target)
    for k in range(len(out)):
        expected, gradient = by_autograd(spec, out[k], target[k])
        torch.testing.assert_close(value[k], expected, rtol=1e-14, atol=1e-14)
        torch.testing.assert_close(g[k, :REAL, :OUTPUTS], gradient, rtol=1e-14, atol=1e-16)


def test_the_references_cover_the_whole_catalogue() -> None:
    assert set(TORCH) == set(LOSSES)


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS, ids=str)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_value_and_gradient_are_torchs_for_each_member(
    name: str, parameters: dict[str, float], scale: float
) -> None:
    assert_as_torch(loss(name, **parameters), *draw(name, members=3, scale=scale))


@pytest.mark.parametrize("name", TORCH)
def test_away_from_kinks_the_gradient_is_that_of_finite_differences(name: str) -> None:
    """An error of 1e-6 squared times a third derivative below 1, and of 1e-16 / 1e-6."""
    out, target = draw(name, members=1)
    g = run(kernel_for([loss(name)]), out, target)[1]
    for row, column in ((0, 0), (5, 3), (13, 1)):
        values = []
        for step in (1e-6, -1e-6):
            moved = out.clone()
            moved[0, row, column] += step
            values.append(float(run(kernel_for([loss(name)]), moved, target)[0]))
        slope = (values[0] - values[1]) / 2e-6
        assert float(g[0, row, column]) == pytest.approx(slope, abs=1e-9)


def test_cross_entropy_survives_logits_whose_exponentials_overflow() -> None:
    out, target = draw("cross_entropy", members=1, scale=1e5)
    assert_as_torch(loss("cross_entropy"), out, target)
    assert run(kernel_for([loss("cross_entropy")]), out, target)[0].isfinite().all()


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_output_is_seen_in_the_loss_and_only_by_its_own_member(name: str, bad: float) -> None:
    out, target = draw(name, members=2)
    clean, clean_g = run(kernel_for([loss(name)] * 2), out, target)
    out[0, 3, 1] = bad
    value, g = run(kernel_for([loss(name)] * 2), out, target)
    assert not bool(value[0].isfinite())
    assert torch.equal(value[1], clean[1])
    assert torch.equal(g[1], clean_g[1])


@pytest.mark.parametrize("name", KINKED)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_at_residual_zero_the_gradient_is_the_convention(name: str, convention: float) -> None:
    out, target = draw(name, members=1)
    spec = loss(name, derivative_at_zero=convention)
    hit = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    hit[:REAL:3, :OUTPUTS:2] = True
    out[0, hit] = target[0, hit]
    value, g = run(kernel_for([spec]), out, target)
    expected, gradient = by_autograd(spec, out[0], target[0])
    gradient[hit[:REAL, :OUTPUTS]] = convention / (REAL * OUTPUTS)
    torch.testing.assert_close(value[0], expected, rtol=1e-14, atol=0)
    torch.testing.assert_close(g[0, :REAL, :OUTPUTS], gradient, rtol=1e-15, atol=0)


def test_pytorchs_own_convention_at_residual_zero_is_the_default() -> None:
    target = draw("mae", members=1)[1]
    assert_as_torch(loss("mae"), target.clone(), target)
    assert_as_torch(loss("quantile", q=0.2), target.clone(), target)
    assert float(run(kernel_for([loss("mae")]), target, target)[1].abs().max()) == 0


def test_a_residual_of_minus_zero_is_at_the_kink_too() -> None:
    out, target = draw("mae", members=1)
    out[0, 0, 0], target[0, 0, 0] = -0.0, 0.0
    g = run(kernel_for([loss("mae", derivative_at_zero=0.5)]), out, target)[1]
    assert float(g[0, 0, 0]) == 0.5 / (REAL * OUTPUTS)


@pytest.mark.parametrize("name", [*KINKED, "hinge"])
def test_members_with_different_conventions_do_not_influence_each_other(name: str) -> None:
    specs = [loss(name, derivative_at_zero=value) for value in CONVENTIONS]
    out, target = draw(name, members=len(specs))
    if name == "hinge":
        out.round_()
    else:
        out[:, :5] = target[:, :5]
    value, g = run(kernel_for(specs), out, target)
    for k, spec in enumerate(specs):
        one = slice(k, k + 1)
        own, own_g = run(kernel_for([spec]), out[one], target[one])
        assert torch.equal(value[one], own)
        assert torch.equal(g[one], own_g)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("huber", [{"delta": value} for value in (0.1, 1.0, 3.0)]),
        ("smooth_l1", [{"beta": value} for value in (0.1, 1.0, 3.0)]),
        ("quantile", [{"q": value} for value in (0.1, 0.5, 0.9)]),
        ("hinge", [{"margin": value} for value in (0.1, 1.0, 3.0)]),
    ],
)
def test_members_with_different_parameters_each_follow_their_own(
    name: str, parameters: list[dict[str, float]]
) -> None:
    specs = [loss(name, **one) for one in parameters]
    out, target = draw(name, members=len(specs))
    value, g = run(kernel_for(specs), out, target)
    for k, spec in enumerate(specs):
        one = slice(k, k + 1)
        own, own_g = run(kernel_for([spec]), out[one], target[one])
        assert torch.equal(value[one], own)
        assert torch.equal(g[one], own_g)


def plain_hinge(
    z: list[list[float]], labels: list[int], margin: float, at_kink: float
) -> tuple[list[list[float]], int]:
    """Gradient and hits of the mean hinge loss, from its definition."""
    gradient, hits = [[0.0] * len(row) for row in z], 0
    for i, (row, label) in enumerate(zip(z, labels, strict=True)):
        for j, value in enumerate(row):
            slack = margin - row[label] + value
            if j == label:
                continue
            hits += slack == 0
            slope = (1.0 if slack > 0 else at_kink if slack == 0 else 0.0) / (len(z) * len(row))
            gradient[i][j] += slope
            gradient[i][label] -= slope
    return gradient, hits


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_at_the_margin_the_gradient_of_hinge_is_the_convention(
    convention: float, margin: float
) -> None:
    out, target = draw("hinge", members=1)
    out.round_()  # so that many differences are whole numbers, as the margins are
    kernel = kernel_for([loss("hinge", margin=margin, derivative_at_zero=convention)])
    g = run(kernel, out, target)[1]
    expected, hits = plain_hinge(
        out[0, :REAL, :OUTPUTS].tolist(), target[0, :REAL, 0].tolist(), margin, convention
    )
    assert hits > 3
    assert kernel.kink_hits().tolist() == [hits]
    ours = g[0, :REAL, :OUTPUTS]
    torch.testing.assert_close(ours, torch.tensor(expected).double(), rtol=1e-6, atol=1e-8)


def test_pytorchs_own_convention_at_the_margin_is_the_default() -> None:
    out, target = draw("hinge", members=2)
    assert_as_torch(loss("hinge"), out.round_(), target)


BINARY = Shapes(widths=(3, 1), storage=torch.float64)


def test_two_classes_have_one_logit_under_bce() -> None:
    kernel = LOSSES["bce"]([loss("bce")] * 2, BINARY, CPU, Scratch())
    generator = torch.Generator().manual_seed(0)
    out = torch.zeros(2, ROWS, BINARY.padded_widths[-1], dtype=torch.float64)
    out[:, :REAL, :1] = torch.randn(2, REAL, 1, dtype=torch.float64, generator=generator)
    out[0, 0, 0] = 0.0
    target = torch.zeros(2, ROWS, 1, dtype=torch.int64)
    target[:, :REAL] = torch.randint(2, (2, REAL, 1), generator=generator)
    row_weights, g = RowWeights(ROWS, REAL, BINARY, CPU), torch.full_like(out, 77.0)
    value = kernel.step(out.clone(), target, row_weights, g)
    score = kernel.score(out.clone(), target, row_weights)
    for k in range(2):
        leaf = out[k, :REAL, :1].clone().requires_grad_()
        expected = nn.BCEWithLogitsLoss()(leaf, target[k, :REAL].double())
        (gradient,) = torch.autograd.grad(expected, leaf)
        torch.testing.assert_close(value[k], expected.detach(), rtol=1e-14, atol=0)
        torch.testing.assert_close(g[k, :REAL, :1], gradient, rtol=1e-14, atol=1e-16)
        rows = zip(out[k, :REAL, 0].tolist(), target[k, :REAL, 0].tolist(), strict=True)
        assert float(score[k]) == sum((z > 0) == bool(label) for z, label in rows)
    assert float(g[:, REAL:].abs().max()) == float(g[:, :, 1:].abs().max()) == 0


@pytest.mark.parametrize("name", KINKED)
def test_residuals_at_the_kink_are_counted_per_member_and_without_padding(name: str) -> None:
    specs = [loss(name), loss(name, derivative_at_zero=1.0)]
    kernel = kernel_for(specs)
    out, target = draw(name, members=2)
    out[0, 2, 1] = target[0, 2, 1]
    out[1, :REAL] = target[1, :REAL]
    run(kernel, out, target)
    assert kernel.kink_hits().flatten().tolist() == [1, REAL * OUTPUTS]


@pytest.mark.parametrize("name", TORCH)
def test_padding_gets_no_gradient(name: str) -> None:
    out, target = draw(name, members=2)
    g = run(kernel_for([loss(name)] * 2), out, target)[1]
    assert float(g[:, REAL:].abs().max()) == 0
    assert float(g[:, :, OUTPUTS:].abs().max()) == 0


@pytest.mark.parametrize("name", TORCH)
def test_what_stands_in_the_padding_has_no_influence(name: str) -> None:
    specs = [loss(name)] * 2
    out, target = draw(name, members=2)
    dirty, other = out.clone(), target.clone()
    dirty[:, REAL:], dirty[:, :, OUTPUTS:] = 5.0, 9.0
    other[:, REAL:] = 3
    if name not in CLASSES:
        other[:, :, OUTPUTS:] = -4.0
    for clean, soiled in zip(
        run(kernel_for(specs), out, target), run(kernel_for(specs), dirty, other), strict=True
    ):
        assert torch.equal(clean, soiled)
    kernel = kernel_for(specs)
    for measure in (kernel.score, kernel.total):
        assert torch.equal(
            measure(out.clone(), target, weights()), measure(dirty.clone(), other, weights())
        )


@pytest.mark.parametrize("name", TORCH)
def test_the_total_of_a_pass_is_torchs_sum_over_examples(name: str) -> None:
    out, target = draw(name, members=3)
    total = kernel_for([loss(name)] * 3).total(out.clone(), target, weights())
    expected = [REAL * float(by_autograd(loss(name), out[k], target[k])[0]) for k in range(3)]
    assert total.tolist() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", CLASSES)
def test_the_score_of_classes_is_the_number_of_right_answers(name: str) -> None:
    out, target = draw(name, members=3)
    score = kernel_for([loss(name)] * 3).score(out, target, weights())
    expected: list[Any] = []
    for k in range(3):
        rows = zip(out[k, :REAL, :OUTPUTS].tolist(), target[k, :REAL, 0].tolist(), strict=True)
        expected.append(sum(row.index(max(row)) == label for row, label in rows))
    assert score.tolist() == expected


@pytest.mark.parametrize("name", [name for name in TORCH if name not in CLASSES])
def test_the_score_of_regression_is_the_sum_of_squared_residuals(name: str) -> None:
    out, target = draw(name, members=3)
    score = kernel_for([loss(name)] * 3).score(out, target, weights())
    expected = ((out - target)[:, :REAL, :OUTPUTS] ** 2).sum((1, 2))
    torch.testing.assert_close(score, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", TORCH)
def test_one_example_of_one_output_is_its_own_mean(name: str) -> None:
    out, target = draw(name, members=1)
    value, g = run(kernel_for([loss(name)]), out, target, real=1)
    wanted = target[0, :1, 0] if name in CLASSES else target[0, :1, :OUTPUTS]
    expected = TORCH[name](out[0, :1, :OUTPUTS], wanted, loss(name))
    torch.testing.assert_close(value[0], expected, rtol=1e-14, atol=0)
    assert float(g[0, 1:].abs().max()) == 0
