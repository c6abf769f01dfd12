"""The activations, a class each.

Each is the only place that names its activation on this side; its twin under
`workers/training/activations/` computes it. Knows no tensors.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from service.domain.activations.base import Activation, KinkedAtZero

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


class Relu(KinkedAtZero):
    """The rectifier (Nair and Hinton 2010)."""

    name: Literal["relu"]
    formula = "max(0, x)"
    torch_name = "torch.nn.ReLU"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return (0.0, 1.0)

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (0.0, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": 0.0, "tensorflow": 0.0, "jax": 0.0}


class Relu6(KinkedAtZero):
    """Also kinked at 6, where the derivative is PyTorch's 0."""

    name: Literal["relu6"]
    formula = "min(max(0, x), 6)"
    torch_name = "torch.nn.ReLU6"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return (0.0, 1.0, 0.0)

    @property
    def kinks(self) -> tuple[float, ...]:
        return (0.0, 6.0)

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (0.0, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": 0.0, "tensorflow": 0.0, "jax": 0.0}


class LeakyRelu(KinkedAtZero):
    """A small slope below 0, so that no unit dies (Maas et al. 2013)."""

    name: Literal["leaky_relu"]
    negative_slope: Annotated[float, Field(ge=-10, le=10)] = 0.01
    formula = "x if x > 0 else negative_slope * x"
    torch_name = "torch.nn.LeakyReLU"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return self.slopes_at_zero or (1.0,)

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return None if self.negative_slope == 1 else (self.negative_slope, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": "negative_slope", "tensorflow": "negative_slope", "jax": 1.0}


class Prelu(KinkedAtZero):
    """One slope per hidden layer, learned. Left out, the convention is the current slope."""

    name: Literal["prelu"]
    init: Annotated[float, Field(ge=-10, le=10)] = 0.25
    formula = "x if x > 0 else a * x, with a learned from init"
    torch_name = "torch.nn.PReLU"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return (self.init, 1.0)

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (self.init, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": "a", "tensorflow": "a", "jax": "a"}


class Rrelu(KinkedAtZero):
    """In training the slope is drawn uniformly per pre-activation, in evaluation it is the mean
    of the bounds (Xu et al. 2015). Left out, the convention is that slope."""

    name: Literal["rrelu"]
    lower: Annotated[float, Field(ge=0, le=1)] = 1 / 8
    upper: Annotated[float, Field(ge=0, le=1)] = 1 / 3
    formula = "x if x > 0 else a * x, with a drawn from [lower, upper]"
    torch_name = "torch.nn.RReLU"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return ((self.lower + self.upper) / 2, 1.0) if self.slopes_at_zero else (1.0,)

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return None if self.lower == self.upper == 1 else (self.lower, 1.0)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "Rrelu":
        if self.lower > self.upper:
            raise ValueError("lower must not exceed upper")
        return self

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": "a (in evaluation 0.2292)"}


class Elu(KinkedAtZero):
    """Kinked at 0 unless alpha is 1 (Clevert et al. 2016)."""

    name: Literal["elu"]
    alpha: Annotated[float, Field(gt=0, le=100)] = 1.0
    formula = "x if x > 0 else alpha * (exp(x) - 1)"
    torch_name = "torch.nn.ELU"

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return None if self.alpha == 1 else (self.alpha, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": "alpha", "tensorflow": "alpha", "jax": "alpha"}


class Selu(KinkedAtZero):
    """Self-normalising (Klambauer et al. 2017)."""

    name: Literal["selu"]
    formula = "1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))"
    torch_name = "torch.nn.SELU"

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (SELU_SCALE * SELU_ALPHA, SELU_SCALE)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": 1.7581, "tensorflow": 1.0507, "jax": 1.7581}


class Celu(Activation):
    """Differentiable everywhere: exp(x / alpha) is 1 at 0."""

    name: Literal["celu"]
    alpha: Annotated[float, Field(gt=0, le=100)] = 1.0
    formula = "max(0, x) + min(0, alpha * (exp(x / alpha) - 1))"
    torch_name = "torch.nn.CELU"


class Gelu(Activation):
    """In its exact form, by the error function (Hendrycks and Gimpel 2016)."""

    name: Literal["gelu"]
    formula = "x * Phi(x), Phi the standard normal distribution function"
    torch_name = "torch.nn.GELU"


class Silu(Activation):
    """Also called swish (Elfwing et al. 2017)."""

    name: Literal["silu"]
    formula = "x * sigmoid(x)"
    torch_name = "torch.nn.SiLU"


class Mish(Activation):
    """Self-regularised, not monotonic (Misra 2019)."""

    name: Literal["mish"]
    formula = "x * tanh(softplus(x))"
    torch_name = "torch.nn.Mish"


class Softplus(Activation):
    """PyTorch's threshold is kept: where beta * x > 20 the value is x."""

    name: Literal["softplus"]
    beta: Annotated[float, Field(gt=0, le=100)] = 1.0
    formula = "log(1 + exp(beta * x)) / beta"
    torch_name = "torch.nn.Softplus"


class Sigmoid(Activation):
    """The logistic function: saturates on both sides."""

    name: Literal["sigmoid"]
    formula = "1 / (1 + exp(-x))"
    torch_name = "torch.nn.Sigmoid"


class Tanh(Activation):
    """The hyperbolic tangent: saturates on both sides."""

    name: Literal["tanh"]
    formula = "tanh(x)"
    torch_name = "torch.nn.Tanh"


class Hardtanh(Activation):
    """Kinked at -1 and 1, where the derivative is PyTorch's 0; smooth at 0."""

    name: Literal["hardtanh"]
    formula = "min(max(-1, x), 1)"
    torch_name = "torch.nn.Hardtanh"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return (0.0, 1.0, 0.0)

    @property
    def kinks(self) -> tuple[float, ...]:
        return (-1.0, 1.0)


class Softsign(Activation):
    """Saturates more slowly than tanh (Glorot and Bengio 2010)."""

    name: Literal["softsign"]
    formula = "x / (1 + |x|)"
    torch_name = "torch.nn.Softsign"


class Hardswish(Activation):
    """Kinked at -3 and 3, where the derivatives are PyTorch's; smooth at 0."""

    name: Literal["hardswish"]
    formula = "x * min(max(0, x + 3), 6) / 6"
    torch_name = "torch.nn.Hardswish"

    @property
    def kinks(self) -> tuple[float, ...]:
        return (-3.0, 3.0)


class Identity(Activation):
    """No activation: what a linear network has."""

    name: Literal["identity"]
    formula = "x"
    torch_name = "torch.nn.Identity"

    @property
    def pieces(self) -> tuple[float, ...] | None:
        return (1.0,)


AnyActivation = Annotated[
    Relu
    | Relu6
    | LeakyRelu
    | Prelu
    | Rrelu
    | Elu
    | Selu
    | Celu
    | Gelu
    | Silu
    | Mish
    | Softplus
    | Sigmoid
    | Tanh
    | Hardtanh
    | Softsign
    | Hardswish
    | Identity,
    Field(discriminator="name"),
]
