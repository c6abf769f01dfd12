"""What every activation has, and what one with a kink at 0 has besides: a convention."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from service.domain.kinked import Kinked

DerivativeAtZero = Annotated[
    float | None,
    Field(
        description="Convention: the value used as the derivative at 0, any finite number. "
        "Left out, it is PyTorch's own value.",
        examples=[0.5],
    ),
]

GradientAtZero = Annotated[
    Literal["chain_rule", "overwrite"],
    Field(
        description="chain_rule: at a kink at 0 the upstream gradient times derivative_at_zero. "
        "overwrite: derivative_at_zero itself, whatever arrives, as published code has it; only in "
        "jobs of a study that compares the two.",
        json_schema_extra={"only_in_studies": True},
        exclude_if=lambda form: form == "chain_rule",  # what everybody has is not worth telling
    ),
]


class Activation(Kinked):
    """What every activation has. An activation without a kink at 0 takes no convention."""

    name: str
    formula: ClassVar[str]
    torch_name: ClassVar[str]
    """The implementation whose convention is the default: the same function written another
    way has another derivative at 0 (relu 0, clamp(min=0) 1, maximum(x, 0) 0.5)."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where φ has no derivative."""
        return ()

    @property
    def pieces(self) -> tuple[float, ...] | None:
        """The slopes between the kinks, from left to right, where φ is piecewise linear with
        φ(0) = 0, as in evaluation; None where it is curved. A learned slope is its start."""
        return None

    @property
    def overwrites_gradient(self) -> bool:
        """Whether the convention replaces the gradient at 0 instead of multiplying it."""
        return False


class KinkedAtZero(Activation):
    """An activation whose derivative at 0 is a matter of convention."""

    derivative_at_zero: DerivativeAtZero = None
    gradient_at_zero: GradientAtZero = "chain_rule"

    @property
    def kinks(self) -> tuple[float, ...]:
        return (0.0,) if self.slopes_at_zero else ()

    @property
    def convention(self) -> float | None:
        return self.derivative_at_zero

    @property
    def overwrites_gradient(self) -> bool:
        return self.gradient_at_zero == "overwrite"

    @model_validator(mode="after")
    def _needs_a_kink(self) -> "KinkedAtZero":
        if self.derivative_at_zero is not None and self.slopes_at_zero is None:
            raise ValueError(
                f"with these parameters {self.name} has a derivative at 0, so there is "
                "nothing to choose; leave derivative_at_zero out"
            )
        if self.overwrites_gradient and self.derivative_at_zero is None:
            raise ValueError(
                "gradient_at_zero overwrite writes derivative_at_zero over the gradient, so that "
                "must be given"
            )
        return self
