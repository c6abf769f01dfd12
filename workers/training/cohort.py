"""Who trains together: members and the cohort that they form. Knows no tensors."""

from dataclasses import dataclass

from service.domain.spec import JobSpec, cohort_key


@dataclass(frozen=True, kw_only=True)
class Member:
    """One job inside a cohort. `id` is the caller's and comes back in every event."""

    id: str
    spec: JobSpec


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Members that train as one stacked tensor program: equal shapes, shared data."""

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("A cohort needs at least one member.")
        if len({member.id for member in self.members}) != len(self.members):
            raise ValueError("The members of a cohort need different ids.")
        if len({cohort_key(member.spec) for member in self.members}) != 1:
            raise ValueError(
                "These specs cannot train together: their cohort keys differ. "
                "Form one cohort per service.domain.spec.cohort_key."
            )

    @property
    def spec(self) -> JobSpec:
        """The first member's spec, for all that the members share."""
        return self.members[0].spec
