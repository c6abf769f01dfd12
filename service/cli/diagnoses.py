"""A diagnosis as text: findings with their evidence and treatments, and what a trial found."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding

from service.cli.text import number, plain, value
from service.domain.diagnosis import Arm, Diagnosis, Effect, Evidence, Finding, Support, Trial
from service.domain.findings import Verdict


def lines(diagnosis: Diagnosis) -> list[RenderableType]:
    """One block a finding, the most severe first; then the trial."""
    parts: list[RenderableType] = []
    for finding in diagnosis.findings:
        parts += _finding(finding)
    if diagnosis.trial is not None:
        parts += _trial(diagnosis.trial)
    return parts


def _finding(finding: Finding) -> Iterator[RenderableType]:
    yield f"{finding.severity.value.upper()} {finding.code.value}"
    yield _indented(plain(finding.summary))
    for one in finding.evidence:
        yield _indented(_evidence(one), 4)
    for treatment in finding.treatments:
        changes = ", ".join(f"{path} = {value(to)}" for path, to in treatment.changes.items())
        told = _support(treatment.support)
        yield _indented(f"try {treatment.name}: {plain(changes)} ({plain(told)})", 4)


def _support(support: Support) -> str:
    """The study that tests it, with how many of its statements came to what."""
    if support.study is None:
        return support.source
    counts = [
        f"{count} {verdict.value}"
        for verdict in Verdict
        if (count := sum(one.verdict is verdict for one in support.statements))
    ]
    return f"study {support.study}" + (f": {', '.join(counts)}" if counts else "")


def _evidence(one: Evidence) -> str:
    places = [
        f"{name} {at}"
        for name, at in (("epoch", one.epoch), ("layer", one.layer))
        if at is not None
    ]
    where = f" ({', '.join(places)})" if places else ""
    return f"{one.quantity} = {number(one.value)}{where}: {plain(one.note)}"


def _trial(trial: Trial) -> Iterator[RenderableType]:
    yield f"TREATMENTS {trial.sweep_id} {trial.status.value}, {trial.progress:.0%} done"
    for arm in trial.arms:
        yield _indented(f"{arm.treatment.name}: {arm.verdict.replace('_', ' ')}{_ends(arm)}")
        for effect in arm.effects:
            yield _indented(_effect(effect), 4)


def _ends(arm: Arm) -> str:
    ends = [
        f"{n} {what}" for n, what in ((arm.diverged, "diverged"), (arm.missing, "missing")) if n
    ]
    return f" ({', '.join(ends)} of {len(arm.jobs)})" if ends else ""


def _effect(effect: Effect) -> str:
    told = f"{effect.quantity} {number(effect.untreated)} to {number(effect.treated)}"
    if effect.interval is not None:
        ends = effect.interval
        told += f", difference in {number(ends.low)} to {number(ends.high)}"
    pairs = effect.better_pairs + effect.worse_pairs + effect.tied_pairs
    return f"{told}; better in {effect.better_pairs} of {pairs} seeds: {effect.verdict}"


def _indented(text: str, by: int = 2) -> Padding:
    return Padding(text, (0, 0, 0, by))
