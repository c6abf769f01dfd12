"""Treatments beside the patient: which runs to make, and what they say.

The statistics are those of `service.domain.statistics`, because this is answered by the API, which
has no SciPy. One correction for the whole trial: with E effects, every interval has confidence
1 − 0.05 / E (Bonferroni), so that all of them hold at once in 95% of trials.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from service.diagnosis.diagnose import treated
from service.domain.base import JsonObject
from service.domain.diagnosis import Arm, Code, Effect, Finding, Severity, Treatment, Trial, Verdict
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.statistics import CONFIDENCE, Interval, share_interval, summarise
from service.domain.sweep import Sweep, SweepMode, SweepSpec

SEEDS = 10
"""Of every arm. With six arms and two effects each, ten pairs that all agree are enough to decide
by their signs alone."""
MOST_ARMS = 6
RELEVANT = 0.01
"""See `margin_of`."""

_COMPLAINTS = {
    Code.DEAD_LAYER: "dead_fraction",
    Code.BORN_DEAD: "dead_fraction",
    Code.DEAD_UNITS: "dead_fraction",
    Code.DORMANT_UNITS: "dormant_fraction",
    Code.OVERFIT: "validation_loss",
}
"""What is wrong, by finding; of any other the training loss."""


@dataclass(frozen=True, kw_only=True)
class PlannedArm:
    """A treatment and what it is against."""

    treatment: Treatment
    against: tuple[Code, ...]

    @property
    def complaint(self) -> str:
        return _COMPLAINTS.get(self.against[0], "train_loss")


def choose_arms(findings: Sequence[Finding]) -> list[PlannedArm]:
    """The treatments of everything that is wrong, each finding's first one before anybody's
    second, at most MOST_ARMS; the same change is made once."""
    wrong = [one for one in findings if one.severity is not Severity.INFO]
    rounds = zip_longest(*([(one.code, t) for t in one.treatments] for one in wrong))
    chosen: dict[str, PlannedArm] = {}
    for code, treatment in (pair for row in rounds for pair in row if pair is not None):
        arm = chosen.get(treatment.name)
        if arm is None:
            if len(chosen) < MOST_ARMS:
                chosen[treatment.name] = PlannedArm(treatment=treatment, against=(code,))
        elif code not in arm.against:
            chosen[treatment.name] = PlannedArm(
                treatment=arm.treatment, against=(*arm.against, code)
            )
    return list(chosen.values())


def trial_seeds(spec: JobSpec) -> list[int]:
    """The patient's own, then the next ones; within what a seed may be."""
    first = min(spec.seed, 2**63 - SEEDS)
    others = [seed for seed in range(first, first + SEEDS + 1) if seed != spec.seed]
    return [spec.seed, *others[: SEEDS - 1]]


def plan_trial(job_id: str, spec: JobSpec, arms: Sequence[PlannedArm], limits: Limits) -> SweepSpec:
    """The patient untreated, then each arm, every one with the same seeds."""
    seeds = trial_seeds(spec)
    base = spec.model_dump(mode="json") | {"name": None}
    specs = [treated(spec, arm.treatment, limits) for arm in arms]
    documents = [base, *(one.model_dump(mode="json") | {"name": None} for one in specs if one)]
    changed = [part for part in base if any(one[part] != base[part] for one in documents)]
    axes: JsonObject = {
        part: [one[part] for one in documents for _ in seeds] for part in changed if part != "seed"
    }
    axes["seed"] = seeds * len(documents)
    name = f"treatments of {job_id}"
    return SweepSpec.model_validate(
        {"name": name, "base": base, "axes": axes, "mode": SweepMode.ZIP.value}
    )


@dataclass(frozen=True, kw_only=True)
class Member:
    """A run of the trial: how it ended, and its last values."""

    job_id: str
    succeeded: bool
    diverged: bool
    values: Mapping[str, float | None]


def read_trial(
    spec: JobSpec,
    sweep: Sweep,
    arms: Sequence[PlannedArm],
    seeds: Sequence[int],
    members: Mapping[int, Member],
) -> Trial:
    """What the trial says so far; its verdicts wait until every run has ended. `members` are by
    their place in the sweep."""
    rows = [
        [members.get(row * len(seeds) + at) for at in range(len(seeds))]
        for row in range(len(arms) + 1)
    ]
    quantities = [quantities_of(arm, spec) for arm in arms]
    confidence = 1 - (1 - CONFIDENCE) / max(sum(map(len, quantities)), 1)
    read = [
        _read_arm(arm, asked, rows[0], row, confidence, is_over=sweep.is_terminal)
        for arm, asked, row in zip(arms, quantities, rows[1:], strict=True)
    ]
    return Trial(
        sweep_id=sweep.id,
        status=sweep.status,
        progress=sweep.progress,
        seeds=list(seeds),
        confidence=confidence,
        untreated_jobs=[one.job_id for one in rows[0] if one],
        untreated_diverged=sum(one.diverged for one in rows[0] if one),
        arms=read,
    )


def quantities_of(arm: PlannedArm, spec: JobSpec) -> list[str]:
    """The complaint, and how well the network does its task."""
    task = "validation_metric" if spec.validation_examples else "train_metric"
    return [arm.complaint, task]


def _read_arm(
    arm: PlannedArm,
    quantities: Sequence[str],
    untreated: Sequence[Member | None],
    row: Sequence[Member | None],
    confidence: float,
    *,
    is_over: bool,
) -> Arm:
    pairs = [
        (a, b)
        for a, b in zip(untreated, row, strict=True)
        if a and b and a.succeeded and b.succeeded
    ]
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    effects = [_effect(name, before, after, confidence) for name in quantities] if is_over else []
    return Arm(
        treatment=arm.treatment,
        against=list(arm.against),
        jobs=[one.job_id for one in row if one],
        diverged=sum(one.diverged for one in row if one),
        missing=sum(one is None or not one.succeeded for one in row) if is_over else 0,
        effects=effects,
        verdict=overall([one.verdict for one in effects]) if is_over else "pending",
    )


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Of an arm, from those of its effects."""
    helped, harmed = "helped" in verdicts, "harmed" in verdicts
    if helped and harmed:
        return "mixed"
    if helped:
        return "helped"
    if harmed:
        return "harmed"
    return "undetermined" if "undetermined" in verdicts else "no_clear_difference"


_Pair = tuple[Member, Member]
"""With the same seed: untreated, treated."""


def _effect(
    quantity: str,
    untreated: Sequence[Member],
    treated: Sequence[Member],
    confidence: float,
) -> Effect:
    """Of the pairs at the same places of the two lists."""
    pairs = list(zip(untreated, treated, strict=True))
    better = "higher" if quantity.endswith("metric") else "lower"
    sign = 1.0 if better == "higher" else -1.0
    before, after = (_mean(quantity, runs) for runs in (untreated, treated))
    margin = margin_of(quantity, before)
    gains = [g for pair in pairs if (g := _gain(quantity, pair, sign, margin)) is not None]
    differences = [b - a for pair in pairs if (both := _values(quantity, pair)) for a, b in [both]]
    better_pairs, worse_pairs = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
    share = share_interval(better_pairs, better_pairs + worse_pairs, confidence)
    summary = summarise(differences, confidence)
    # Where a run diverged, and where nothing spreads, Student's t has nothing to say.
    by_signs = len(differences) < len(gains) or not summary.standard_deviation
    interval = None if by_signs else summary.interval
    return Effect(
        quantity=quantity,
        better=better,
        margin=margin,
        untreated=before,
        treated=after,
        difference=summary.mean,
        interval=interval,
        method=None if len(gains) < 2 else "signs" if by_signs else "paired_t",
        better_pairs=better_pairs,
        worse_pairs=worse_pairs,
        tied_pairs=len(gains) - better_pairs - worse_pairs,
        share=share,
        verdict=_judge(len(gains), interval, share, sign, margin),
    )


def margin_of(quantity: str, untreated: float | None) -> float:
    """Up to which a difference is too small to matter: a hundredth of a share, an accuracy or an
    R², and of a loss a hundredth of what it is untreated."""
    if quantity.endswith("loss"):
        return RELEVANT * abs(untreated or 0.0)
    return RELEVANT


def _mean(quantity: str, runs: Sequence[Member]) -> float | None:
    return summarise([v for run in runs if (v := _value(quantity, run)) is not None]).mean


def _value(quantity: str, run: Member) -> float | None:
    value = run.values.get(quantity)
    return None if run.diverged or value is None or not math.isfinite(value) else value


def _values(quantity: str, pair: _Pair) -> tuple[float, float] | None:
    a, b = (_value(quantity, run) for run in pair)
    return None if a is None or b is None else (a, b)


def _gain(quantity: str, pair: _Pair, sign: float, margin: float) -> float | None:
    """Above 0 where the treated run is better, by more than the margin; 0 where neither is. A run
    that diverged is worse than any value."""
    one, other = pair
    if one.diverged or other.diverged:
        return float(one.diverged) - float(other.diverged)
    both = _values(quantity, pair)
    if both is None:
        return None
    gain = sign * (both[1] - both[0])
    return gain if abs(gain) > margin else 0.0


def _judge(
    pairs: int, interval: Interval | None, share: Interval | None, sign: float, margin: float
) -> Verdict:
    if pairs < 2:
        return "undetermined"
    if interval is not None:
        ends = sorted((sign * interval.low, sign * interval.high))
        decided = ends[0] > margin, ends[1] < -margin
    elif share is not None:
        decided = share.low > 0.5, share.high < 0.5
    else:
        return "no_clear_difference"
    return "helped" if decided[0] else "harmed" if decided[1] else "no_clear_difference"
