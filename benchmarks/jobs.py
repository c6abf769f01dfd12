"""The work of the engine's benchmarks: jobs on digits that differ in rate, convention and seed."""

from service.domain.spec import JobSpec
from workers.training import Cohort, Member

CONVENTIONS = (0.0, 0.5, 1.0, None)


def job_spec(number: int, hidden: list[int], epochs: int, **changes: object) -> JobSpec:
    """8 rates x 4 conventions x seeds: job `number` of as many as are wanted."""
    convention, rate = CONVENTIONS[number % 4], 0.05 * (1 + number // 4 % 8)
    return JobSpec.model_validate(
        {
            "dataset": {"name": "digits"},
            "network": {"hidden": hidden},
            "activation": {"name": "relu", "derivative_at_zero": convention},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"learning_rate": rate},
            "epochs": epochs,
            "seed": number // 32,
        }
        | changes
    )


def cohort(K: int, hidden: list[int], epochs: int, **changes: object) -> Cohort:
    """K such jobs."""
    specs = [job_spec(i, hidden, epochs, **changes) for i in range(K)]
    return Cohort(members=tuple(Member(id=str(i), spec=spec) for i, spec in enumerate(specs)))
