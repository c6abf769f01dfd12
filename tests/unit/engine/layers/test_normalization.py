"""Batch and layer normalization against PyTorch's modules: value, running statistics, gradients.

float64: both sides round at 1e-16 and add at most some hundred terms, so 1e-12 leaves four digits.

Legend: K members, R rows (examples times positions, padded), U units (padded), N examples.
"""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from workers.training.exactness import padded
from workers.training.layers import Normalizer, NormBuffers
from workers.training.layers.normalization import BatchNorm, LayerNorm

KINDS: dict[str, type[Normalizer]] = {"batch": BatchNorm, "layer": LayerNorm}


def assert_close(mine: Tensor, other: Tensor | None) -> None:
    torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


class Case:
    """K members with all that a normalization reads, padding included, and PyTorch's modules."""

    def __init__(self, kind: str, *, K: int, examples: int, units: int, positions: int, seed: int):
        self.kind, self.K, self.N, self.U, self.P = kind, K, examples, units, positions
        self._generator = torch.Generator().manual_seed(seed)
        width = padded(units, 16)
        self.scale, self.shift = self.padded_row(width), self.padded_row(width)
        self.mean, self.variance = torch.zeros(K, 1, width), torch.zeros(K, 1, width)
        self.variance[:, :, :units] = 1.0
        self.normalizer = KINDS[kind](
            scale=self.scale,
            shift=self.shift,
            statistics=[self.mean, self.variance],
            units=units,
            positions=positions,
        )
        self.rows = padded(examples, 16) * positions
        is_unit = (torch.arange(width) < units).double()
        self.own = NormBuffers(torch.zeros(K, self.rows, width), examples * positions, is_unit)
        self.judges = [self._judge(k) for k in range(K)]

    def draw(self, *size: int) -> Tensor:
        return torch.randn(*size, generator=self._generator)

    def padded_row(self, width: int) -> Tensor:
        row = torch.zeros(self.K, 1, width)
        row[:, :, : self.U] = self.draw(self.K, 1, self.U)
        return row

    def padded_values(self, *, garbage: bool) -> tuple[Tensor, Tensor]:
        """[K, R, U], in whose padded rows there may be anything; and the real ones [K, N P, U]."""
        values = torch.zeros(self.K, self.rows, padded(self.U, 16))
        values[:, :, : self.U] = self.draw(self.K, self.rows, self.U) * 3 + 1
        if not garbage:
            values[:, self.N * self.P :] = 0
        return values, values[:, : self.N * self.P, : self.U].clone()

    def _judge(self, k: int) -> nn.Module:
        """Units are channels of [N, U, P]."""
        module: nn.BatchNorm1d | nn.GroupNorm = (
            nn.BatchNorm1d(self.U) if self.kind == "batch" else nn.GroupNorm(1, self.U)
        )
        with torch.no_grad():
            module.weight.copy_(self.scale[k, 0, : self.U])
            module.bias.copy_(self.shift[k, 0, : self.U])
        return module

    def as_channels(self, rows: Tensor) -> Tensor:
        """[N P, U] as [N, U, P]."""
        return rows.view(self.N, self.P, self.U).transpose(1, 2)

    def as_rows(self, channels: Tensor) -> Tensor:
        return channels.transpose(1, 2).reshape(self.N * self.P, self.U)


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def assert_agrees(case: Case) -> None:
    """Two training passes with their gradients, then one of evaluation."""
    for _ in range(2):
        z, real_z = case.padded_values(garbage=True)
        g, real_g = case.padded_values(garbage=False)
        d_scale, d_shift = torch.zeros_like(case.scale[:, 0]), torch.zeros_like(case.scale[:, 0])
        case.normalizer.forward(z, case.own, is_training=True)
        case.normalizer.backward(g, case.own, d_scale, d_shift)
        for k, judge in enumerate(case.judges):
            leaf = real_z[k].clone().requires_grad_()
            out = judge(case.as_channels(leaf))
            judge.zero_grad()
            out.backward(case.as_channels(real_g[k]))
            assert isinstance(judge.weight.grad, Tensor)
            assert isinstance(judge.bias.grad, Tensor)
            U, n = case.U, case.N * case.P
            assert_close(z[k, :n, :U], case.as_rows(out))
            assert_close(g[k, :n, :U], leaf.grad)
            assert_close(d_scale[k, :U], judge.weight.grad)
            assert_close(d_shift[k, :U], judge.bias.grad)
        assert not z[:, :, case.U :].any()
        assert not g[:, case.N * case.P :].any()
        assert not g[:, :, case.U :].any()
        assert not d_scale[:, case.U :].any()
    z, real_z = case.padded_values(garbage=True)
    case.normalizer.forward(z, case.own, is_training=False)
    for k, judge in enumerate(case.judges):
        expected = case.as_rows(judge.eval()(case.as_channels(real_z[k])))
        assert_close(z[k, : case.N * case.P, : case.U], expected)
        if case.kind == "batch":
            assert isinstance(judge.running_mean, Tensor)
            assert isinstance(judge.running_var, Tensor)
            row = slice(None, case.U)
            assert_close(case.mean[k, 0, row], judge.running_mean)
            assert_close(case.variance[k, 0, row], judge.running_var)


SIZES = st.fixed_dictionaries(
    {
        "K": st.integers(1, 3),
        "examples": st.integers(2, 37),
        "units": st.integers(1, 20),
        "positions": st.sampled_from([1, 4, 9]),
        "seed": st.integers(0, 2**31),
    }
)


@given(kind=st.sampled_from(["batch", "layer"]), sizes=SIZES)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_values_statistics_and_gradients_are_pytorchs(kind: str, sizes: dict[str, int]) -> None:
    # Of a layer of one value nothing is left; PyTorch refuses it.
    assume(kind == "batch" or sizes["units"] * sizes["positions"] > 1)
    assert_agrees(Case(kind, **sizes))


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8 + 0.3, -7.0])
def test_a_unit_that_is_the_same_for_all_examples_is_exactly_its_shift(value: float) -> None:
    case = Case("batch", K=1, examples=11, units=3, positions=1, seed=0)
    z, _ = case.padded_values(garbage=True)
    z[:, :11, 1] = value
    case.normalizer.forward(z, case.own, is_training=True)
    assert (z[0, :11, 1] == case.shift[0, 0, 1]).all()
    assert (z[0, :11, 0] != case.shift[0, 0, 0]).all()


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_nan_is_not_hidden(kind: str) -> None:
    case = Case(kind, K=2, examples=5, units=3, positions=1, seed=0)
    z, _ = case.padded_values(garbage=False)
    z[1, 2, 0] = torch.nan
    case.normalizer.forward(z, case.own, is_training=True)
    assert not z[0].isnan().any()
    spoilt = z[1, :5, :3].isnan()
    assert (spoilt[:, 0] if kind == "batch" else spoilt[2]).all()
