"""The losses: formulas, the tasks they fit, and the convention of |r| at r = 0."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from service.domain.base import SpecModel

Task = Literal["classification", "regression"]


class Loss(SpecModel):
    """What every loss has. `r` is the residual, prediction minus target; means are over
    examples and outputs, as in `torch.nn` with `reduction="mean"`."""

    name: str
    formula: ClassVar[str]
    torch_name: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]]

    @property
    def convention(self) -> float | None:
        """The derivative used at the kink, or None for a smooth loss."""
        return None

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        """Left and right derivative at residual 0 where they differ, else None."""
        return None

    @property
    def outside_subdifferential(self) -> bool:
        """Whether the convention is no element of the Clarke subdifferential at 0."""
        slopes, value = self.slopes_at_zero, self.convention
        return slopes is not None and value is not None and not min(slopes) <= value <= max(slopes)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        """The derivative at the kink in PyTorch, TensorFlow and JAX."""
        return None


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


class CrossEntropy(Loss):
    """Of the softmax of the outputs."""

    name: Literal["cross_entropy"]
    formula = "-log softmax(z)[label], mean over examples"
    torch_name = "torch.nn.CrossEntropyLoss"
    tasks = ("classification",)


AnyLoss = Annotated[Mse | Mae | CrossEntropy, Field(discriminator="name")]
