"""What a function with a kink is asked, be it an activation or a loss."""

from service.domain.base import SpecModel


class Kinked(SpecModel):
    """A function that may have a kink, and a convention there. This one has none."""

    @property
    def slopes_at_zero(self) -> tuple[float, float] | None:
        """Left and right derivative at the kink (of an activation: at 0) where they differ, else
        None."""
        return None

    @property
    def convention(self) -> float | None:
        """The derivative used at the kink; None where there is none, and for an activation where
        PyTorch's own is used."""
        return None

    @property
    def outside_subdifferential(self) -> bool:
        """Whether the convention is no element of the Clarke subdifferential there."""
        slopes, value = self.slopes_at_zero, self.convention
        return slopes is not None and value is not None and not min(slopes) <= value <= max(slopes)

    @classmethod
    def framework_conventions(cls) -> dict[str, float | str] | None:
        """The derivative at the kink, with default parameters, in PyTorch, TensorFlow and JAX."""
        return None
