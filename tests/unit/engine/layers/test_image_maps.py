"""Convolutions, pooling and flattening against torch.nn.functional and autograd, in float64.

Legend: K members, E examples (padded), C channels, H and W height and width, P positions.
"""

from typing import Any

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from service.domain.datasets import Image
from service.domain.networks import LayerSize, Pooling
from tests.unit.engine.reference import POOLING
from workers.training.exactness import padded
from workers.training.layers import LayerMap
from workers.training.layers.convolution import Convolution
from workers.training.layers.image import FlattenedMap, ImageMap
from workers.training.shapes import Shapes

TILE = 16
SHAPES = Shapes(widths=(1, 1), storage=torch.float64)
"""Only its precision matters here."""


def assert_close(mine: Tensor, other: Tensor) -> None:
    """Sums of at most some thousand terms, each rounded at 1e-16."""
    torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)


class Case:
    """A map of K members with weights, images and upstream gradients, all padded."""

    def __init__(self, size: LayerSize, *, K: int, takes_features: bool, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        assert size.source is not None
        self.size, self.K, self.E, self.source = size, K, TILE, size.source
        self.takes_features = takes_features

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        self.width = padded(size.units, TILE)
        self.weight = torch.zeros(K, padded(size.fan_in, TILE), self.width, dtype=torch.float64)
        self.weight[:, : size.fan_in, : size.units] = draw(K, size.fan_in, size.units)
        self.bias = torch.zeros(K, 1, self.width, dtype=torch.float64)
        self.bias[:, :, : size.units] = draw(K, 1, size.units)
        # Few values, so that windows have equally large ones.
        self.images = draw(K, self.E, *self.source).round()
        kind: type[ImageMap] = FlattenedMap if size.kernel_size is None else Convolution
        self.map: LayerMap[Any] = kind(self.weight, self.bias, size, takes_features=takes_features)
        self.g = torch.zeros(K, self.E * size.positions, self.width, dtype=torch.float64)
        self.g[:, :, : size.units] = draw(K, self.E * size.positions, size.units)

    def x(self) -> Tensor:
        """The images as the layer before leaves them, or the data set; padding that is not 0
        where it may be anything would be seen."""
        C, H, W = self.source
        if self.takes_features:
            x = torch.zeros(self.K, self.E, padded(self.source.size, TILE), dtype=torch.float64)
            x[:, :, : self.source.size] = self.images.flatten(2)
            return x
        x = torch.zeros(self.K, self.E * H * W, padded(C, TILE), dtype=torch.float64)
        x[:, :, :C] = self.as_rows(self.images)
        return x

    def as_rows(self, images: Tensor) -> Tensor:
        """[K, E, C, H, W] as [K, E H W, C]."""
        return images.permute(0, 1, 3, 4, 2).reshape(self.K, -1, images.shape[2])

    def judge(self, k: int, image: Tensor, weight: Tensor) -> Tensor:
        """[E P, units] by PyTorch's own functions."""
        size, pooled = self.size, POOLING[self.size.pooling](image)
        if size.kernel_size is None:
            flat: Tensor = pooled.permute(0, 2, 3, 1).flatten(1) @ weight
            return flat
        side = size.kernel_size
        kernel = weight.view(side, side, self.source.channels, size.units).permute(3, 2, 0, 1)
        maps = functional.conv2d(pooled, kernel, padding="same")
        return maps.permute(0, 2, 3, 1).reshape(-1, size.units)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    source = Image(draw(st.integers(1, 18)), draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    pooling: Pooling = draw(st.sampled_from(["none", "average", "max"]))
    side = draw(st.sampled_from([None, 1, 3, 5, 7]))
    seen = source if pooling == "none" else source.halved
    assume(seen.size > 0)
    size = LayerSize(
        fan_in=seen.size if side is None else side * side * source.channels,
        units=draw(st.integers(1, 18)),
        source=source,
        pooling=pooling,
        kernel_size=side,
    )
    return Case(
        size,
        K=draw(st.integers(1, 3)),
        takes_features=draw(st.booleans()),
        seed=draw(st.integers(0, 2**31)),
    )


@given(cases())
@settings(derandomize=True, max_examples=80, deadline=None)
def test_values_and_gradients_are_pytorchs(case: Case) -> None:
    own = case.map.allocate(case.E, SHAPES, backward=True)
    units, fan_in = case.size.units, case.size.fan_in
    for _ in range(2):  # a second time in the same buffers
        x = case.x()
        z, d_weight = torch.full_like(case.g, 7.0), torch.full_like(case.weight, 7.0)
        case.map.forward(x, z, own)
        case.map.weight_gradient(x, case.g, d_weight, own)
        d_x = torch.full_like(x, torch.nan)
        case.map.input_gradient(x, case.g, d_x, own)
        for k in range(case.K):
            image = case.images[k].clone().requires_grad_()
            weight = case.weight[k, :fan_in, :units].clone().requires_grad_()
            out = case.judge(k, image, weight)
            out.backward(case.g[k, :, :units])  # type: ignore[no-untyped-call]
            assert image.grad is not None
            assert weight.grad is not None
            assert_close(z[k, :, :units], out + case.bias[k, 0, :units])
            assert_close(d_weight[k, :fan_in, :units], weight.grad)
            if case.takes_features:
                assert_close(d_x[k, :, : image[0].numel()], image.grad.flatten(1))
            else:
                rows = image.grad.permute(0, 2, 3, 1).reshape(-1, case.source.channels)
                assert_close(d_x[k, :, : case.source.channels], rows)
        assert not z[:, :, units:].any()
        assert not d_weight[:, fan_in:].any()
        assert not d_weight[:, :, units:].any()
        used = case.source.size if case.takes_features else case.source.channels
        assert not d_x[:, :, used:].any()
        again = torch.full_like(z, 7.0)
        case.map.again(x, again, own)
        assert torch.equal(again, z)


def test_the_first_of_equally_large_pixels_gets_the_gradient() -> None:
    size = LayerSize(fan_in=1, units=1, source=Image(1, 2, 2), pooling="max")
    case = Case(size, K=1, takes_features=False, seed=0)
    case.images.fill_(3.0)
    case.weight[0, 0, 0] = 1.0
    own = case.map.allocate(case.E, SHAPES, backward=True)
    case.map.forward(case.x(), torch.zeros_like(case.g), own)
    d_x = torch.zeros_like(case.x())
    case.map.input_gradient(case.x(), case.g, d_x, own)
    by_pixel = d_x[0, :, 0].view(case.E, 4)
    assert torch.equal(by_pixel[:, 0], case.g[0, :, 0])
    assert not by_pixel[:, 1:].any()


def test_a_nan_in_a_window_is_its_largest() -> None:
    size = LayerSize(fan_in=1, units=1, source=Image(1, 2, 2), pooling="max")
    case = Case(size, K=2, takes_features=False, seed=0)
    case.images[1, 3, 0, 1, 0] = torch.nan
    own = case.map.allocate(case.E, SHAPES, backward=False)
    z = torch.zeros_like(case.g)
    case.map.forward(case.x(), z, own)
    assert z[1, 3].isnan().any()
    assert z.isnan().any(2).sum() == 1
