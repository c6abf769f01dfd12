"""Trials: which runs are made, and verdicts on runs with a known answer."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.diagnosis import (
    Member,
    PlannedArm,
    choose_arms,
    diagnose,
    plan_trial,
    read_trial,
    trial_seeds,
)
from service.diagnosis.trial import MOST_ARMS, SEEDS
from service.domain.diagnosis import Arm, Code, Support, Treatment, Trial
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.statistics import share_interval, student_t_quantile
from service.domain.sweep import Sweep, SweepCounts, SweepSpec, sweep_status
from service.planning import expand
from tests.unit.diagnosis.histories import DIGITS, LEARNS, growing, past

SPEC = JobSpec.model_validate(DIGITS | {"seed": 3})
SICK = past(
    layers={"dead": growing(90)},
    epochs=LEARNS | {"validation_metric": [0.1, *[0.5] * 8]},
    spec={"seed": 3},
)


def treatment(name: str, **changes: Any) -> Treatment:
    support = Support(study="remedies", source="somebody", statements=[])
    return Treatment(name=name, changes=changes, reason="because", support=support)


LEAKY = PlannedArm(
    treatment=treatment("leaky_relu", activation={"name": "leaky_relu"}),
    against=(Code.DEAD_UNITS,),
)
SLOW = PlannedArm(
    treatment=treatment("slow", **{"optimizer.learning_rate": 0.01}),
    against=(Code.DIVERGED,),
)


def test_every_finding_gets_its_first_treatment_before_any_gets_its_second() -> None:
    arms = choose_arms(diagnose(SICK, Limits()))
    assert len(arms) == MOST_ARMS
    names = [arm.treatment.name for arm in arms]
    assert names[:3] == ["rate_times_0.1", "early_stop", "leaky_relu"]
    assert len(set(names)) == len(names)
    shared = next(arm for arm in arms if arm.treatment.name == "batch_normalization")
    assert shared.against == (Code.DEAD_UNITS, Code.OVERFIT)


def test_what_is_well_is_not_treated() -> None:
    assert choose_arms(diagnose(past(), Limits())) == []
    only_info = past(layers={"update_ratio": [[None, None], *[[0.5, 0.5]] * 8]})
    assert choose_arms(diagnose(only_info, Limits())) == []


@pytest.mark.parametrize("seed", [0, 3, 2**63 - 1, 2**63 - 4])
def test_the_seeds_are_the_patients_and_others(seed: int) -> None:
    seeds = trial_seeds(SPEC.model_copy(update={"seed": seed}))
    assert seeds[0] == seed
    assert len(set(seeds)) == SEEDS
    assert all(0 <= one < 2**63 for one in seeds)


def test_the_sweep_is_the_patient_and_every_arm_with_the_same_seeds() -> None:
    sweep = plan_trial("job_1", SPEC, [LEAKY, SLOW], Limits())
    assert SweepSpec.model_validate(sweep.model_dump(mode="json")) == sweep
    members = expand(sweep, Limits(), lambda error: [])
    assert len(members) == 3 * SEEDS
    untreated, leaky, slow = (
        [one.spec for one in members[row * SEEDS : (row + 1) * SEEDS]] for row in range(3)
    )
    assert untreated[0] == SPEC
    for one, other, last in zip(untreated, leaky, slow, strict=True):
        assert one.seed == other.seed == last.seed
        assert other.activation.name == "leaky_relu"
        assert other.model_copy(update={"activation": SPEC.activation}) == one
        assert last.optimizer.learning_rate == 0.01
        assert last.model_copy(update={"optimizer": SPEC.optimizer}) == one


def test_every_arm_that_is_chosen_makes_a_sweep() -> None:
    arms = choose_arms(diagnose(SICK, Limits()))
    sweep = plan_trial("job_1", SICK.job.spec, arms, Limits())
    members = expand(sweep, Limits(), lambda error: [])
    assert len(members) == (len(arms) + 1) * SEEDS


Values = dict[str, float | None]
Outcome = Values | str | None
"""A run's last values, "diverged", "failed", or None: it was deleted."""


def tried(
    untreated: Callable[[int], Outcome],
    treated: Callable[[int], Outcome],
    *,
    arm: PlannedArm = LEAKY,
    running: int = 0,
) -> Trial:
    seeds = trial_seeds(SPEC)
    members = {}
    for row, make in enumerate((untreated, treated)):
        for at in range(SEEDS):
            made = make(at)
            if made is None:
                continue
            index = row * SEEDS + at
            members[index] = Member(
                job_id=f"job_{index:032x}",
                succeeded=made != "failed",
                diverged=made == "diverged",
                values=made if isinstance(made, dict) else {},
            )
    counts = SweepCounts(succeeded=2 * SEEDS - running, running=running)
    plan = plan_trial("job_1", SPEC, [arm], Limits())
    sweep = Sweep(
        id=f"swp_{1:032x}",
        name=None,
        base=plan.base,
        axes=plan.axes,
        mode=plan.mode,
        members=2 * SEEDS,
        status=sweep_status(counts),
        counts=counts,
        diverged=0,
        progress=1.0,
        study_id=None,
        created_at=datetime(2026, 11, 25, tzinfo=UTC),
        finished_at=None,
    )
    return read_trial(SPEC, sweep, [arm], seeds, members)


def only(trial: Trial) -> Arm:
    (arm,) = trial.arms
    return arm


def noisy(
    dead: float, accuracy: float, spread: float = 0.005, draw: str = "untreated"
) -> Callable[[int], Outcome]:
    def make(at: int) -> Outcome:
        numbers = random.Random(f"{draw} {at}")
        return {
            "dead_fraction": dead + numbers.gauss(0, spread),
            "validation_metric": accuracy + numbers.gauss(0, spread),
        }

    return make


@pytest.mark.parametrize(
    ("dead", "accuracy", "verdict", "effects"),
    [
        (0.05, 0.95, "helped", ["helped", "helped"]),
        (0.05, 0.90, "helped", ["helped", "no_clear_difference"]),
        (0.05, 0.60, "mixed", ["helped", "harmed"]),
        (0.30, 0.90, "no_clear_difference", ["no_clear_difference"] * 2),
        (0.50, 0.90, "harmed", ["harmed", "no_clear_difference"]),
    ],
)
def test_the_verdict_follows_from_both_effects(
    dead: float, accuracy: float, verdict: str, effects: list[str]
) -> None:
    arm = only(tried(noisy(0.30, 0.90), noisy(dead, accuracy, draw="treated")))
    assert (arm.verdict, [one.verdict for one in arm.effects]) == (verdict, effects)
    assert [one.method for one in arm.effects] == ["paired_t", "paired_t"]


def test_the_interval_is_that_of_paired_differences_corrected_for_all_effects() -> None:
    trial = tried(
        lambda at: {"dead_fraction": 0.3 + at / 10},
        lambda at: {"dead_fraction": 0.2 + at / 10 + (0.01 if at % 2 else -0.01)},
    )
    effect = only(trial).effects[0]
    assert trial.confidence == pytest.approx(1 - 0.05 / 2)
    assert effect.difference == pytest.approx(-0.1)
    assert effect.interval is not None
    # Ten differences, half of them 0.01 above the mean and half below: s² = 10 · 0.01² / 9.
    half = student_t_quantile(9, 0.975) * (0.01 * (10 / 9) ** 0.5) / 10**0.5
    assert effect.interval.high - effect.interval.low == pytest.approx(2 * half)


def test_what_is_too_small_to_matter_does_not_help() -> None:
    arm = only(
        tried(noisy(0.30, 0.90, spread=1e-4), noisy(0.295, 0.905, spread=1e-4, draw="treated"))
    )
    assert arm.verdict == "no_clear_difference"
    assert [one.tied_pairs for one in arm.effects] == [SEEDS, SEEDS]
    loss = only(
        tried(
            lambda at: {"train_loss": 2.3 + at * 1e-6},
            lambda at: {"train_loss": 2.29 + at * 2e-6},
            arm=SLOW,
        )
    ).effects[0]
    assert loss.margin == pytest.approx(0.023, rel=1e-3)
    assert loss.verdict == "no_clear_difference"


def test_runs_that_diverge_are_worse_than_any_and_decide_by_signs() -> None:
    poor: Values = {"train_loss": 5.0, "validation_metric": 0.1}
    well = only(tried(lambda at: "diverged", lambda at: poor, arm=SLOW))
    assert well.verdict == "helped"
    assert [one.method for one in well.effects] == ["signs", "signs"]
    assert (well.effects[0].untreated, well.effects[0].treated) == (None, 5.0)
    harmed = only(tried(noisy(0.3, 0.9), lambda at: "diverged"))
    assert (harmed.verdict, harmed.diverged) == ("harmed", SEEDS)
    both = only(tried(lambda at: "diverged", lambda at: "diverged"))
    assert both.verdict == "no_clear_difference"
    some = only(tried(lambda at: "diverged", lambda at: "diverged" if at < 7 else {}))
    assert some.verdict == "no_clear_difference"
    assert (some.effects[0].better_pairs, some.effects[0].tied_pairs) == (3, 7)


def test_equal_differences_decide_by_signs() -> None:
    trial = tried(lambda at: {"dead_fraction": 1.0}, lambda at: {"dead_fraction": 0.0})
    effect = only(trial).effects[0]
    assert (effect.method, effect.verdict, effect.interval) == ("signs", "helped", None)
    assert effect.share is not None
    assert effect.share.low > 0.5


def test_runs_that_are_missing_are_counted_and_two_pairs_are_the_least() -> None:
    few = only(tried(noisy(0.3, 0.9), lambda at: {"dead_fraction": 0.0} if at == 0 else "failed"))
    assert (few.missing, few.verdict) == (9, "undetermined")
    gone = only(tried(noisy(0.3, 0.9), lambda at: None))
    assert (gone.missing, gone.jobs, gone.verdict) == (10, [], "undetermined")


def test_nothing_is_said_before_all_runs_have_ended() -> None:
    arm = only(tried(noisy(0.3, 0.9), noisy(0.0, 0.9), running=1))
    assert (arm.verdict, arm.effects, arm.missing) == ("pending", [], 0)


@pytest.mark.parametrize(
    ("hits", "n", "ends"),
    [
        # Clopper and Pearson's table: 95% for 0, 5 and 10 of 10.
        (0, 10, (0.0, 0.3085)),
        (5, 10, (0.1871, 0.8129)),
        (10, 10, (0.6915, 1.0)),
    ],
)
def test_the_interval_of_a_share_is_exact(hits: int, n: int, ends: tuple[float, float]) -> None:
    found = share_interval(hits, n)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


def test_no_trials_no_share() -> None:
    assert share_interval(0, 0) is None
