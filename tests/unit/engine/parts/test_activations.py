"""Every activation and convention: value and derivative against formulas written once more in
`formulas`, against PyTorch's own modules under autograd, and against finite differences."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from service.domain.activations import Activation, Rrelu
from tests.unit.engine.parts.activating import F64, alone, assert_close, kernel_for, pass_through
from tests.unit.engine.parts.formulas import (
    ACTIVATIONS,
    CHOSEN,
    REFERENCES,
    UNCHOSEN,
    activation,
    label,
    points,
    slope_at,
    stacked,
)
from workers.training.activations import KERNELS, Kernel

INFINITE = [math.inf, -math.inf]


def by_autograd(spec: Activation, z: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """The same by PyTorch's module."""
    leaf = z.clone().requires_grad_()
    module = REFERENCES[spec.name].module(spec).to(z.dtype)
    h = module(leaf)
    (passing,) = torch.autograd.grad(h, leaf, g)
    return h.detach(), passing


def test_the_references_cover_the_whole_catalogue() -> None:
    assert set(REFERENCES) == set(KERNELS)


@pytest.mark.parametrize("spec", UNCHOSEN, ids=label)
def test_the_value_is_the_formulas(spec: Activation) -> None:
    at = torch.tensor(points(), dtype=F64)
    expected = torch.tensor([REFERENCES[spec.name].value(x, spec) for x in points()], dtype=F64)
    assert_close(alone(spec, points())[0], expected, at, spec.name, 2**-52)


@pytest.mark.parametrize("spec", ACTIVATIONS, ids=label)
def test_the_derivative_is_the_formulas_with_the_convention_at_zero(spec: Activation) -> None:
    at = torch.tensor(points(), dtype=F64)
    expected = torch.tensor([slope_at(x, spec) for x in points()], dtype=F64)
    assert_close(alone(spec, points())[1], expected, at, spec.name, 2**-52)


@pytest.mark.parametrize("spec", CHOSEN, ids=label)
def test_at_both_zeros_the_derivative_is_exactly_the_convention(spec: Activation) -> None:
    assert alone(spec, [0.0, -0.0])[1].tolist() == [spec.convention, spec.convention]


@pytest.mark.parametrize("spec", CHOSEN, ids=label)
def test_a_convention_changes_no_value_and_no_derivative_beside_zero(spec: Activation) -> None:
    values = [x for x in points() if x != 0]
    plain = spec.model_copy(update={"derivative_at_zero": None})
    assert torch.equal(alone(spec, points())[0], alone(plain, points())[0])
    assert torch.equal(alone(spec, values)[1], alone(plain, values)[1])


@pytest.mark.parametrize("spec", UNCHOSEN, ids=label)
@pytest.mark.parametrize(
    ("dtype", "eps"), [(F64, 2**-52), (torch.float32, 2**-23)], ids=["float64", "float32"]
)
def test_without_a_convention_all_is_as_in_pytorch(
    spec: Activation, dtype: torch.dtype, eps: float
) -> None:
    largest = torch.finfo(dtype).max
    z = stacked([x for x in points() if abs(x) < largest], 1, dtype)
    generator = torch.Generator().manual_seed(1)
    g = torch.randn(z.shape, dtype=dtype, generator=generator)
    ours = pass_through(kernel_for([spec], dtype), z, g)
    factors = (torch.ones_like(g), g.abs())
    for actual, expected, factor in zip(ours, by_autograd(spec, z, g), factors, strict=True):
        # As `tolerance`, for what was multiplied by g.
        bound = 8 * eps * torch.maximum(expected.abs(), factor * z.abs().clamp(1, 50))
        wrong = ~((actual - expected).abs() <= bound)
        assert not wrong.any(), (z[wrong], actual[wrong], expected[wrong])


@pytest.mark.parametrize("spec", UNCHOSEN, ids=label)
def test_at_the_kinks_the_derivative_is_exactly_pytorchs(spec: Activation) -> None:
    z = stacked([*spec.kinks, 0.0, -0.0], 1)
    one = torch.ones_like(z)
    ours = pass_through(kernel_for([spec]), z, one)[1]
    # selu and celu multiply constants in another order: one rounding.
    torch.testing.assert_close(ours, by_autograd(spec, z, one)[1], rtol=2**-52, atol=0)


@pytest.mark.parametrize("spec", UNCHOSEN, ids=label)
def test_infinite_inputs_give_what_pytorch_gives_or_the_limit(spec: Activation) -> None:
    """Where PyTorch's formula says NaN (inf / inf, inf * 0) the limit would be right too."""
    z = stacked(INFINITE, 1)
    h, _ = pass_through(kernel_for([spec]), z, torch.ones_like(z))
    theirs, _ = by_autograd(spec, z, torch.ones_like(z))
    limits = [REFERENCES[spec.name].value(x, spec) for x in (1e300, -1e300)]
    for ours, torchs, limit in zip(h[0, :, 0], theirs[0, :, 0], limits, strict=True):
        same = torch.equal(ours, torchs) or (bool(ours.isnan()) and bool(torchs.isnan()))
        huge = math.copysign(math.inf, limit) if abs(limit) > 1e200 else limit
        assert same or float(ours) == pytest.approx(huge, rel=1e-15)


@pytest.mark.parametrize("spec", ACTIVATIONS, ids=label)
def test_nan_stays_nan_and_takes_no_convention(spec: Activation) -> None:
    values, slopes = alone(spec, [math.nan, 1.0])
    plain = spec.model_copy(update={"derivative_at_zero": None}) if spec.convention else spec
    assert values.isnan().tolist() == [True, False]
    torch.testing.assert_close(
        slopes, alone(plain, [math.nan, 1.0])[1], rtol=0, atol=0, equal_nan=True
    )


@pytest.mark.parametrize("spec", ACTIVATIONS, ids=label)
def test_a_nan_that_arrives_is_never_hidden_where_a_slope_is_not_zero(spec: Activation) -> None:
    values = [x for x in (0.0, 0.7, -0.7) if slope_at(x, spec) != 0]
    z = stacked(values, 1)
    _, passing = pass_through(kernel_for([spec]), z, torch.full_like(z, math.nan))
    assert passing.isnan().all()


@pytest.mark.parametrize("spec", ACTIVATIONS, ids=label)
def test_the_derivative_multiplies_the_gradient_that_arrives(spec: Activation) -> None:
    """Assigning the convention to the gradient instead would drop the chain rule."""
    z = stacked([0.0, -0.0, 0.4, -0.4, 2.0, -2.0], 1)
    for upstream in (-3.0, 0.0, 0.25, 1e6):
        g = torch.full_like(z, upstream)
        _, passing = pass_through(kernel_for([spec]), z, g)
        expected = [upstream * slope_at(float(x), spec) for x in z[0, :, 0]]
        torch.testing.assert_close(
            passing[0, :, 0], torch.tensor(expected, dtype=F64), rtol=1e-14, atol=0
        )


@pytest.mark.parametrize(
    "spec", [spec for spec in UNCHOSEN if getattr(spec, "beta", 0) < 10], ids=label
)
def test_the_derivative_is_the_limit_of_differences_away_from_kinks(spec: Activation) -> None:
    """Central differences with step e are wrong by e² φ'''/6 (at most 1e-6 here, where φ''' is
    below beta² or 1/alpha² <= 16; a softplus of beta 100 turns too fast for
    this) and by the values' rounding / e (1e-11)."""
    e = 1e-4
    # Not at 0, where φ'' may jump, nor where PyTorch's softplus becomes a line.
    avoided = [*spec.kinks, 0.0, 20 / getattr(spec, "beta", 1.0)]
    away = [x for x in np.linspace(-8, 8, 97) if all(abs(x - k) > 0.01 for k in avoided)]
    up, down = (alone(spec, [x + shift for x in away])[0] for shift in (e, -e))
    bound = 1e-6 * max(1.0, getattr(spec, "alpha", 1.0))
    assert float(((up - down) / (2 * e) - alone(spec, away)[1]).abs().max()) < bound


class _OfTheEngine(torch.autograd.Function):
    """The engine's value and derivative as one of autograd's functions."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, kernel: Kernel) -> Tensor:
        ctx.kernel = kernel
        ctx.save_for_backward(z)
        return pass_through(kernel, z.detach(), torch.ones_like(z))[0]

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        return pass_through(ctx.kernel, z.detach(), upstream[0])[1], None


@pytest.mark.parametrize("spec", ACTIVATIONS, ids=label)
def test_gradcheck_agrees_away_from_kinks(spec: Activation) -> None:
    """With every convention: away from the kink it must not be seen."""
    away = (-7.3, -2.2, -0.61, -0.13, 0.07, 0.19, 0.83, 2.4, 5.1, 7.7)
    z = stacked([x for x in away if all(abs(x - k) > 0.01 for k in spec.kinks)], 1)
    kernel = kernel_for([spec])
    assert torch.autograd.gradcheck(
        lambda leaf: _OfTheEngine.apply(leaf, kernel),  # type: ignore[no-untyped-call]
        (z.clone().requires_grad_(),),
        eps=1e-6,
        atol=1e-6,
        # A softplus of a large beta turns within a step of the differences.
        rtol=1e-3 if getattr(spec, "beta", 1.0) > 10 else 1e-5,
    )


@pytest.mark.parametrize(
    "group",
    [list(specs) for _, specs in groupby(ACTIVATIONS, key=lambda spec: spec.name)],
    ids=lambda group: group[0].name,
)
@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=str)
def test_members_of_one_stack_do_not_influence_each_other(
    group: list[Activation], dtype: torch.dtype
) -> None:
    """Parameters and conventions mixed, in both orders, to the bit; +inf and NaN included."""
    values = [*points(), *INFINITE, math.nan]
    for specs in (group, group[::-1]):
        z = stacked(values, len(specs), dtype)
        together = pass_through(kernel_for(specs, dtype), z, torch.ones_like(z))
        for k, spec in enumerate(specs):
            for ours, own in zip(together, alone(spec, values, dtype), strict=True):
                torch.testing.assert_close(
                    ours[k, :, 0].double(), own, rtol=0, atol=0, equal_nan=True
                )


@pytest.mark.parametrize("spec", ACTIVATIONS, ids=label)
def test_kinks_are_marked_where_the_catalogue_says(spec: Activation) -> None:
    z = stacked(points(), 1)
    kernel = kernel_for([spec])
    if not kernel.kink_points:
        assert spec.kinks == ()
        return
    marks = torch.empty_like(z)
    kernel.mark_kinks(z, marks)
    assert marks[0, :, 0].tolist() == [float(x in spec.kinks) for x in points()]


def test_the_derivative_of_softplus_does_not_vanish_before_it_must() -> None:
    """A unit whose derivative is 1e-12 is alive: only a true 0 may count as dead."""
    for dtype, far in ((torch.float32, -80.0), (F64, -700.0)):
        (slope,) = alone(activation("softplus"), [far], dtype)[1].tolist()
        assert slope == pytest.approx(math.exp(far), rel=1e-4, abs=0)


class TestPrelu:
    INITS = (0.25, -1.0, 0.5)
    SPECS = (
        activation("prelu", init=0.25),
        activation("prelu", init=-1.0),
        activation("prelu", init=0.5, derivative_at_zero=7.0),
    )

    def test_the_slopes_gradient_is_autograds(self) -> None:
        generator = torch.Generator().manual_seed(3)
        z = torch.randn(3, 20, 5, dtype=F64, generator=generator)
        z[:, ::4] = 0.0
        g = torch.randn(z.shape, dtype=F64, generator=generator)
        ours = kernel_for(self.SPECS).slope_gradient(g.clone(), z)
        for k in range(3):
            module = torch.nn.PReLU(init=self.INITS[k]).double()
            (expected,) = torch.autograd.grad(module(z[k]), module.weight, g[k])
            # 100 products summed in another order.
            torch.testing.assert_close(ours[k].reshape(1), expected, rtol=0, atol=1e-13)

    def test_without_a_convention_the_derivative_at_zero_is_the_current_slope(self) -> None:
        kernel = kernel_for(self.SPECS[:1])
        kernel.attach(torch.full((1, 1, 1), -0.4, dtype=F64))
        z = stacked([0.0, -1.0], 1)
        _, passing = pass_through(kernel, z, torch.ones_like(z))
        assert passing[0, :, 0].tolist() == [-0.4, -0.4]


def bounds(spec: Activation) -> tuple[float, float]:
    assert isinstance(spec, Rrelu)
    return spec.lower, spec.upper


class TestRrelu:
    SPECS = (
        activation("rrelu"),
        activation("rrelu", lower=0.0, upper=1.0, derivative_at_zero=3.0),
        activation("rrelu", lower=0.6, upper=0.7),
    )

    def draw(self, seeds: Sequence[int], specs: Sequence[Activation]) -> tuple[Tensor, Tensor]:
        """φ(-1) and φ'(-1), drawn for training."""
        kernel = kernel_for(specs)
        z = torch.full((len(specs), 40, 25), -1.0, dtype=F64)
        kernel.draw(z, [torch.Generator().manual_seed(seed) for seed in seeds])
        return pass_through(kernel, z, torch.ones_like(z))

    def test_slopes_lie_within_the_bounds_and_fill_them(self) -> None:
        _, slopes = self.draw((1, 2, 3), self.SPECS)
        for k, spec in enumerate(self.SPECS):
            low, high = bounds(spec)
            assert low <= float(slopes[k].min()) < low + 0.02 * (high - low)
            assert high - 0.02 * (high - low) < float(slopes[k].max()) <= high
            # The mean of 1,000 uniform draws has a standard error of (high - low) / 110.
            assert float(slopes[k].mean()) == pytest.approx((low + high) / 2, abs=(high - low) / 25)

    def test_value_and_derivative_use_the_same_draw(self) -> None:
        values, slopes = self.draw((1, 2, 3), self.SPECS)
        assert torch.equal(values, -slopes)

    def test_the_same_generator_gives_the_same_draw_in_any_company(self) -> None:
        together = self.draw((4, 5, 6), self.SPECS)[1]
        for k, spec in enumerate(self.SPECS):
            assert torch.equal(self.draw((4 + k,), [spec])[1][0], together[k])

    def test_another_generator_gives_another_draw(self) -> None:
        ours, other = self.draw((1, 2), [self.SPECS[0]] * 2)[1]
        assert not torch.equal(ours, other)

    def test_after_settling_the_slope_is_the_mean_again(self) -> None:
        kernel = kernel_for(self.SPECS)
        z = torch.full((3, 4, 2), -1.0, dtype=F64)
        kernel.draw(z, [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)])
        kernel.settle()
        _, slopes = pass_through(kernel, z, torch.ones_like(z))
        assert slopes[:, 0, 0].tolist() == [sum(bounds(spec)) / 2 for spec in self.SPECS]

    def test_what_is_drawn_is_used_above_zero_nowhere(self) -> None:
        kernel = kernel_for(self.SPECS)
        z = torch.full((3, 4, 2), 2.0, dtype=F64)
        kernel.draw(z, [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)])
        values, slopes = pass_through(kernel, z, torch.ones_like(z))
        assert bool((values == 2).all())
        assert bool((slopes == 1).all())
