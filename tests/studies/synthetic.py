"""Evidence with a known answer: a template's own plan, with made-up measurements.

    def measure(job: Job) -> Measured:
        return Measured(epochs={"validation_metric": 0.9 + job.random.gauss(0, 0.01)})

    findings = conclude("vanishing-gradient", measure, seeds=8, depths=[2, 4])

Follow-up rounds are run with the same measurements.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.domain.base import JsonObject
from service.domain.evidence import Value
from service.domain.findings import Findings, Statement
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Outcome
from service.domain.study import Scale, Study, StudyReport
from service.planning import expand
from service.studies import (
    MOST_ROUNDS,
    Evidence,
    Notebook,
    Record,
    Sweeps,
    Template,
    UnitHistory,
    find_template,
)
from service.studies.reports import report_on


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a made-up measurement may depend on."""

    sweep: str
    seed: int
    point: Mapping[str, Any]
    """The value on each axis of the sweep."""
    spec: JobSpec
    random: random.Random
    """Seeded by the sweep's name and the job's place in it."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a job measured: of epochs a series by column, or only its last value; of layers a list
    of epochs (from epoch 0) of lists of layers; of units the history by layer."""

    epochs: Mapping[str, Value | Sequence[Value]] = field(default_factory=dict)
    layers: Mapping[str, Sequence[Sequence[Value]]] = field(default_factory=dict)
    units: Mapping[int, UnitHistory] = field(default_factory=dict)
    weights: Mapping[str, Sequence[float]] | None = None
    diverged_at_step: int | None = None
    status: JobStatus = JobStatus.SUCCEEDED
    environment: JsonObject = field(default_factory=dict)


Measuring = Callable[[Job], Measured]


class SyntheticReader:
    """A `service.studies.Reader` whose sweeps are made by `post`."""

    def __init__(self, measure: Measuring, *, overwriting: bool = False) -> None:
        self._measure, self._overwriting = measure, overwriting
        self._records: dict[str, list[Record]] = {}
        self._measured: dict[str, dict[str, Measured]] = {}

    def post(self, sweeps: Sweeps) -> dict[str, str]:
        """Makes the jobs of the sweeps; ids of the sweeps by their name."""
        return {name: self._post(name, sweeps) for name in sweeps}

    def _post(self, name: str, sweeps: Sweeps) -> str:
        sweep_id = f"swp_{len(self._records):032x}"
        members = expand(sweeps[name], Limits(), lambda error: [], overwriting=self._overwriting)
        assert len(members) == sweeps[name].member_count, f"a member of {name} is no spec"
        self._records[sweep_id], self._measured[sweep_id] = [], {}
        for member in members:
            job_id = f"job_{len(self._records):016x}{member.index:016x}"
            job = Job(
                sweep=name,
                seed=member.spec.seed,
                point=dict(member.point),
                spec=member.spec,
                random=random.Random(f"{name} {member.index}"),
            )
            measured = self._measured[sweep_id][job_id] = self._measure(job)
            self._records[sweep_id].append(_record(job_id, job, measured))
        return sweep_id

    def records(self, sweep_id: str) -> list[Record]:
        return self._records[sweep_id]

    def epochs(self, sweep_id: str, column: str) -> dict[str, list[Value]]:
        found = self._measured[sweep_id].items()
        return {job: _series(one.epochs[column]) for job, one in found if column in one.epochs}

    def layers(self, sweep_id: str, column: str) -> dict[str, list[tuple[int, int, Value]]]:
        return {
            job: [
                (epoch, layer, value)
                for epoch, row in enumerate(one.layers.get(column, []))
                for layer, value in enumerate(row)
            ]
            for job, one in self._measured[sweep_id].items()
        }

    def units(self, job_id: str, layer: int) -> UnitHistory:
        found = {job: one for jobs in self._measured.values() for job, one in jobs.items()}
        return found[job_id].units[layer]

    def weights(self, job_id: str) -> dict[str, tuple[float, ...]] | None:
        found = {job: one for jobs in self._measured.values() for job, one in jobs.items()}
        kept = found[job_id].weights
        return None if kept is None else {name: tuple(of) for name, of in kept.items()}


def _series(given: Value | Sequence[Value]) -> list[Value]:
    return list(given) if isinstance(given, Sequence) else [given]


def _record(job_id: str, job: Job, measured: Measured) -> Record:
    diverged = measured.diverged_at_step is not None
    ended_well = measured.status is JobStatus.SUCCEEDED
    outcome = (Outcome.DIVERGED if diverged else Outcome.COMPLETED) if ended_well else None
    return Record(
        job_id=job_id,
        seed=job.seed,
        point=job.point,
        spec=job.spec.model_dump(mode="json"),
        status=measured.status,
        outcome=outcome,
        diverged_at_step=measured.diverged_at_step,
        environment=measured.environment,
        last={name: _series(of)[-1] for name, of in measured.epochs.items()},
    )


def run(
    name: str, measure: Measuring, *, scale: Scale = Scale.QUICK, **overrides: Any
) -> tuple[Template[Any], Any, Evidence]:
    """The template, its options, and the evidence of all its rounds."""
    template = find_template(name)
    options = template.options(scale, overrides)
    reader = SyntheticReader(measure, overwriting=template.overwrites_gradient)
    posted = reader.post(template.plan(options))
    for _ in range(MOST_ROUNDS):
        more = template.follow_up(options, Evidence(reader, posted))
        if not more:
            return template, options, Evidence(reader, posted)
        assert not more.keys() & posted.keys(), "a follow-up names its sweeps anew"
        posted |= reader.post(more)
    raise AssertionError(f"{name} never concludes")


def conclude(
    name: str, measure: Measuring, *, scale: Scale = Scale.QUICK, **overrides: Any
) -> Findings:
    """What the template concludes from these measurements."""
    template, options, evidence = run(name, measure, scale=scale, **overrides)
    notebook = Notebook(evidence)
    template.conclude(options, evidence, notebook)
    return notebook.close()


def statement(findings: Findings, text: str) -> Statement:
    """The one statement that has this in its text."""
    (found,) = [one for one in findings.statements if text in one.text]
    return found


def report(name: str, measure: Measuring, **overrides: Any) -> StudyReport:
    """The report of a study with these measurements."""
    template = find_template(name)
    findings = conclude(name, measure, **overrides)
    study = {
        "id": f"std_{template.number:032x}",
        "template": name,
        "claim": template.claim,
        "scale": Scale.QUICK,
        "overrides": overrides,
        "options": template.options(Scale.QUICK, overrides).model_dump(mode="json"),
        "status": JobStatus.SUCCEEDED,
        "reason": None,
        "detail": None,
        "verdict": findings.verdict,
        "seeds_needed": findings.seeds_needed,
        "rounds": 1,
        "sweeps": findings.sweeps,
        "counts": {"queued": 0, "running": 0, "succeeded": findings.jobs, "failed": 0}
        | {"cancelled": 0},
        "progress": 1.0,
        "created_at": "2026-11-25T22:10:04Z",
        "finished_at": "2026-11-25T22:10:19Z",
        "cancel_requested_at": None,
    }
    return report_on(Study.model_validate(study), findings)
