"""The losses: formulas, the tasks they fit, and the conventions at their kinks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from service.domain.kinked import Kinked

Task = Literal["classification", "regression"]


class Loss(Kinked):
    """What every loss has. `r` is the residual, prediction minus target; means are over
    examples and outputs, as in `torch.nn` with `reduction="mean"`."""

    name: str
    formula: ClassVar[str]
    torch_name: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]]
    kinked_term: ClassVar[str] = ""
    """What the convention is the derivative of, and where; empty for a smooth loss."""

    def output_count(self, wanted: int) -> int:
        """Outputs of a network for `wanted` classes or target columns."""
        return wanted


class Mse(Loss):
    """The squared error."""

    name: Literal["mse"]
    formula = "mean(r^2)"
    torch_name = "torch.nn.MSELoss"
    tasks = ("regression",)


class Mae(Loss):
    """The absolute error: kinked where the residual is 0."""

    name: Literal["mae"]
    derivative_at_zero: Annotated[
        float,
        Field(description="Convention: the derivative of |r| at r = 0.", examples=[0.0]),
    ] = 0.0
    formula = "mean(|r|)"
    kinked_term = "|r| at r = 0"
    torch_name = "torch.nn.L1Loss"
    tasks = ("regression",)

    @property
    def convention(self) -> float | None:
        return self.derivative_at_zero

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (-1.0, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": 0.0, "tensorflow": 0.0, "jax": 1.0}


class Huber(Loss):
    """Squared up to |r| = delta, straight beyond (Huber 1964); differentiable everywhere."""

    name: Literal["huber"]
    delta: Annotated[float, Field(ge=1e-6, le=1e6, description="Where it becomes straight.")] = 1.0
    formula = "mean(r^2 / 2 if |r| <= delta else delta * (|r| - delta / 2))"
    torch_name = "torch.nn.HuberLoss"
    tasks = ("regression",)


class SmoothL1(Loss):
    """Huber's loss divided by its parameter: the slope beyond it is 1 (Girshick 2015)."""

    name: Literal["smooth_l1"]
    beta: Annotated[float, Field(ge=1e-6, le=1e6, description="Where it becomes straight.")] = 1.0
    formula = "mean(r^2 / (2 beta) if |r| < beta else |r| - beta / 2)"
    torch_name = "torch.nn.SmoothL1Loss"
    tasks = ("regression",)


class Quantile(Loss):
    """The pinball loss, whose optimum is the q-th quantile (Koenker and Bassett 1978). Left out,
    the convention at r = 0 is 0.5 - q, the middle: what `torch.maximum` passes on at a tie."""

    name: Literal["quantile"]
    q: Annotated[float, Field(gt=0, lt=1, description="Which quantile; 0.5 is the median.")] = 0.5
    derivative_at_zero: Annotated[
        float | None,
        Field(
            description="Convention: the derivative at r = 0. Left out, it is 0.5 - q.",
            examples=[0.0],
        ),
    ] = None
    formula = "mean(max(-q * r, (1 - q) * r))"
    kinked_term = "max(-q * r, (1 - q) * r) at r = 0"
    torch_name = "torch.maximum"
    tasks = ("regression",)

    @property
    def convention(self) -> float | None:
        return 0.5 - self.q if self.derivative_at_zero is None else self.derivative_at_zero

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (-self.q, 1 - self.q)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": "0.5 - q"}


class CrossEntropy(Loss):
    """Of the softmax of the outputs."""

    name: Literal["cross_entropy"]
    formula = "-log softmax(z)[label], mean over examples"
    torch_name = "torch.nn.CrossEntropyLoss"
    tasks = ("classification",)


class Bce(Loss):
    """Binary cross-entropy of logits. Two classes have one output, the logit of class 1 (which
    wins where it is above 0); more have one output each, every class against the rest."""

    name: Literal["bce"]
    formula = "-mean(y log sigmoid(z) + (1 - y) log(1 - sigmoid(z))), y = 1 for the label, else 0"
    torch_name = "torch.nn.BCEWithLogitsLoss"
    tasks = ("classification",)

    def output_count(self, wanted: int) -> int:
        return 1 if wanted == 2 else wanted


class Hinge(Loss):
    """The multi-class hinge loss (Weston and Watkins 1999), one output per class. With
    s = margin - z[label] + z[j], one for each other class j, it is the mean of the sums of
    max(0, s), divided by the number of classes; kinked where s = 0."""

    name: Literal["hinge"]
    margin: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    derivative_at_zero: Annotated[
        float,
        Field(
            description="Convention at the margin: the derivative of max(0, s) at s = 0.",
            examples=[0.0],
        ),
    ] = 0.0
    formula = "mean over examples of sum over j != label of max(0, s) / classes"
    kinked_term = "max(0, s) at s = 0"
    torch_name = "torch.nn.MultiMarginLoss"
    tasks = ("classification",)

    @property
    def convention(self) -> float | None:
        return self.derivative_at_zero

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        return (0.0, 1.0)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        return {"pytorch": 0.0}


AnyLoss = Annotated[
    Mse | Mae | Huber | SmoothL1 | Quantile | CrossEntropy | Bce | Hinge,
    Field(discriminator="name"),
]
