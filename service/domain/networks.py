"""The networks a spec may ask for, how they start, and the sizes of their layers.

A unit is a column of its layer's weights: a neuron of a fully connected layer, a channel of a
convolution. What a unit computes for one example it computes once per position: a convolution has
as many positions as its image has pixels, every other layer has one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from service.domain.base import SpecModel
from service.domain.datasets import Image
from service.domain.variants import tagged


class Init(SpecModel):
    """How weights start, by the formulas of `torch.nn.init` (gain sqrt 2 for kaiming, 1 else;
    lecun has standard deviation 1 / sqrt(fan_in)). Two draw the biases too: torch_default, what
    torch.nn.Linear and torch.nn.Conv2d do when nobody says otherwise (weights and biases uniform
    within 1 / sqrt(fan_in)), and randomized_asymmetric (Lu, Shin, Su and Karniadakis 2019), which
    keeps relu units from being born dead."""

    name: Literal[
        "kaiming_normal",
        "kaiming_uniform",
        "xavier_normal",
        "xavier_uniform",
        "lecun_normal",
        "lecun_uniform",
        "orthogonal",
        "torch_default",
        "randomized_asymmetric",
        "normal",
        "uniform",
        "zeros",
    ] = "kaiming_normal"
    scale: Annotated[
        float | None,
        Field(gt=0, description="normal: standard deviation; uniform: half width. Else left out."),
    ] = None
    bias: Annotated[float, Field(description="The value every bias starts from.")] = 0.0

    @model_validator(mode="after")
    def _fits(self) -> "Init":
        if (self.scale is not None) != (self.name in ("normal", "uniform")):
            raise ValueError("scale is needed for normal and uniform, and accepted only there")
        if self.draws_biases and self.bias != 0:
            raise ValueError(f"{self.name} draws the biases itself; leave bias out")
        return self

    @property
    def draws_biases(self) -> bool:
        return self.name in ("torch_default", "randomized_asymmetric")


Normalization = Literal["none", "batch", "layer"]
Pooling = Literal["none", "average", "max"]

_Normalization = Annotated[
    Normalization,
    Field(
        description="Between the weights and the activation of every hidden layer: over the "
        "mini-batch (torch.nn.BatchNorm) or over the layer (torch.nn.LayerNorm)."
    ),
]
_Units = Annotated[int, Field(ge=1, lt=2**63)]


@dataclass(frozen=True, kw_only=True)
class LayerSize:
    """One layer with weights, the output layer included."""

    fan_in: int
    """Inputs of a unit at one position: rows of the weight matrix."""
    units: int
    source: Image | None = None
    """The image that the layer takes; None: a vector."""
    pooling: Pooling = "none"
    """What happens to that image first."""
    kernel_size: int | None = None
    """Side of a convolution's window; None: the layer is fully connected."""

    @property
    def image(self) -> Image | None:
        """The source after pooling."""
        if self.source is None or self.pooling == "none":
            return self.source
        return self.source.halved

    @property
    def window(self) -> int:
        """Pixels of a convolution's window; 1 for a fully connected layer."""
        return 1 if self.kernel_size is None else self.kernel_size**2

    @property
    def positions(self) -> int:
        image = self.image
        return 1 if image is None or self.kernel_size is None else image.height * image.width


def dense(widths: tuple[int, ...]) -> tuple[LayerSize, ...]:
    """Fully connected layers from width to width."""
    return tuple(LayerSize(fan_in=a, units=b) for a, b in pairwise(widths))


class Linear(SpecModel):
    """No hidden layer: y = x W + b. The activation is not applied."""

    kind: Literal["linear"]
    init: Init = Init(name="zeros")

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        return ()

    @property
    def hidden_fields(self) -> tuple[str, ...]:
        """Where in the network each hidden layer's width stands, as JSON Pointers."""
        return ()

    @property
    def normalization(self) -> Normalization:
        return "none"

    def misfit(self, image: Image | None) -> str | None:
        """Why the network cannot take data of this shape; None: it can."""
        return None

    def layers(self, features: int, outputs: int, image: Image | None) -> tuple[LayerSize, ...]:
        """The layers with weights, for data of this shape."""
        return dense((features, outputs))


class Mlp(SpecModel):
    """Fully connected layers with the activation between them."""

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[
        list[_Units],
        Field(
            default_factory=lambda: [128, 128],
            min_length=1,
            description="Units of each hidden layer; left out: [128, 128].",
        ),
    ]
    normalization: _Normalization = "none"
    init: Init = Init()

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        return tuple(self.hidden)

    @property
    def hidden_fields(self) -> tuple[str, ...]:
        return tuple(f"/hidden/{i}" for i in range(len(self.hidden)))

    def misfit(self, image: Image | None) -> str | None:
        """Why the network cannot take data of this shape; None: it can."""
        return None

    def layers(self, features: int, outputs: int, image: Image | None) -> tuple[LayerSize, ...]:
        return dense((features, *self.hidden, outputs))


class Cnn(SpecModel):
    """Convolutions, then fully connected layers, the activation after each; for image-shaped data.
    A convolution moves by 1 and is padded with zeros to keep the image's size (torch.nn.Conv2d
    with padding="same"). Pooling follows each activation of a convolution: over windows of 2 x 2
    that do not overlap; an odd last row or column is left out, as in torch.nn.MaxPool2d."""

    kind: Literal["cnn"]
    channels: Annotated[
        list[_Units],
        Field(
            default_factory=lambda: [8, 16],
            min_length=1,
            description="Channels of each convolution; left out: [8, 16].",
        ),
    ]
    kernel_size: Annotated[
        Literal[1, 3, 5, 7], Field(description="Side of every convolution's window.")
    ] = 3
    pooling: Annotated[
        Pooling, Field(description="Mean or largest value of 2 x 2; the first among equals.")
    ] = "none"
    hidden: Annotated[
        list[_Units],
        Field(
            default_factory=lambda: [64],
            description="Units of each fully connected hidden layer; left out: [64].",
        ),
    ]
    normalization: _Normalization = "none"
    init: Init = Init()

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        return (*self.channels, *self.hidden)

    @property
    def hidden_fields(self) -> tuple[str, ...]:
        return (
            *(f"/channels/{i}" for i in range(len(self.channels))),
            *(f"/hidden/{i}" for i in range(len(self.hidden))),
        )

    def misfit(self, image: Image | None) -> str | None:
        if image is None:
            return "a cnn takes images, and this data set has none"
        for layer in self.layers(image.size, 1, image):
            if layer.image is not None and layer.image.size == 0:
                return (
                    f"pooling halves images of {image.height} x {image.width} "
                    f"{len(self.channels)} times, until nothing is left; take fewer channels, "
                    "or no pooling"
                )
        return None

    def layers(self, features: int, outputs: int, image: Image | None) -> tuple[LayerSize, ...]:
        """Data without an image (which admission refuses) are taken as one row of pixels."""
        return tuple(self._layers(image or Image(1, 1, features), outputs))

    def _layers(self, image: Image, outputs: int) -> Iterator[LayerSize]:
        pooling: Pooling = "none"
        for units in self.channels:
            fan_in = image.channels * self.kernel_size**2
            layer = LayerSize(
                fan_in=fan_in,
                units=units,
                source=image,
                pooling=pooling,
                kernel_size=self.kernel_size,
            )
            yield layer
            seen = layer.image or image
            image, pooling = Image(units, seen.height, seen.width), self.pooling
        left = image if pooling == "none" else image.halved
        widths = (*self.hidden, outputs)
        yield LayerSize(fan_in=left.size, units=widths[0], source=image, pooling=pooling)
        yield from dense(widths)


AnyNetwork = Annotated[
    Annotated[Linear | Mlp | Cnn, Field(discriminator="kind")],
    BeforeValidator(tagged("kind", "mlp")),
]
