"""Where a template writes down what it concludes. Intervals, corrections and verdicts are made
here, so that no template has its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.domain.findings import (
    Estimate,
    Figure,
    FigureAxis,
    Findings,
    JobGroup,
    Kind,
    Point,
    Series,
    Statement,
    Table,
    Verdict,
)
from service.domain.statistics import CONFIDENCE, Interval
from service.studies import statistics
from service.studies.evidence import Evidence
from service.studies.sample import Sample
from service.studies.statistics import ALPHA, Holm, Region

MOST_EXCLUDED = 0.2
"""Where a larger share of the seeds has no value, those that have one speak for nobody else."""

Curve = Iterable[tuple[float, Estimate]]
"""Points of a figure."""


@dataclass(frozen=True, kw_only=True)
class _Claim:
    text: str
    quantity: str
    sample: Sample
    kind: Kind
    region: Region
    decisive: bool

    @property
    def values(self) -> list[float]:
        return list(self.sample.values.values())

    @property
    def may_be_decided(self) -> bool:
        kept = self.sample.n
        return kept >= 2 and len(self.sample.excluded) <= MOST_EXCLUDED * self.sample.seeds

    @property
    def p(self) -> float | None:
        if not self.may_be_decided:
            return None
        return statistics.p_value(self.values, self.kind, self.region)


class Notebook:
    """Collects claims, tables, figures and remarks; `close` makes findings of them."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._claims: list[_Claim] = []
        self._tables: list[Table] = []
        self._figures: list[Figure] = []
        self._remarks: list[str] = []
        self._groups: dict[tuple[str, ...], str] = {}

    def claim(
        self,
        text: str,
        sample: Sample,
        *,
        quantity: str,
        above: float | None = None,
        below: float | None = None,
        kind: Kind = Kind.MEAN,
        decisive: bool = True,
    ) -> None:
        """A sentence that holds if the quantity lies above and below these bounds (of which one
        may be left out). `decisive`: the study's verdict depends on it."""
        if above is None and below is None:
            raise ValueError("a claim that nothing could refute")
        if kind is Kind.GEOMETRIC_MEAN:
            sample = sample.positive()
        region = Region(above=above, below=below)
        self._claims.append(
            _Claim(
                text=text,
                quantity=quantity,
                sample=sample,
                kind=kind,
                region=region,
                decisive=decisive,
            )
        )

    def estimate(self, sample: Sample, kind: Kind = Kind.MEAN) -> Estimate:
        """With its 95% interval, for a table or a figure."""
        if kind is Kind.GEOMETRIC_MEAN:
            sample = sample.positive()
        return self._estimate(sample, kind, 1 - CONFIDENCE)

    def total(self, sample: Sample) -> Estimate:
        """The sum over the seeds of a count, which is exact."""
        return self._estimate(sample, Kind.TOTAL, 1 - CONFIDENCE)

    def rate(self, events: Sample, trials: Sample, f: Callable[[float], float] = float) -> Estimate:
        """Events per trial over all seeds that counted both, or a growing function of that. Its
        interval is a Poisson count's, at whose ends the function is taken."""
        counted = events.combine(trials, lambda count, _: count)
        of = sum(trials.values[seed] for seed in counted.values)
        count = round(sum(counted.values.values()))
        ends = statistics.poisson_interval(count, 1 - CONFIDENCE) if of else None
        return Estimate(
            kind=Kind.RATE,
            value=f(count / of) if of else None,
            interval=None if ends is None else Interval(low=f(ends[0] / of), high=f(ends[1] / of)),
            confidence=None if ends is None else CONFIDENCE,
            n=counted.n,
            excluded=counted.reasons,
            jobs=self._group(counted.jobs),
        )

    def theory(self, value: float) -> Estimate:
        """What a formula says, to stand beside what was measured."""
        return Estimate(
            kind=Kind.THEORY,
            value=value,
            interval=None,
            confidence=None,
            n=0,
            excluded={},
            jobs=None,
        )

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str | Estimate]],
        note: str = "",
    ) -> None:
        """Cells are labels, or estimates that this notebook made."""
        listed = [list(row) for row in rows]
        if any(len(row) != len(columns) for row in listed):
            raise ValueError(f"table {title!r}: a row is not as long as the heading")
        self._tables.append(Table(title=title, columns=list(columns), rows=listed, note=note))

    def figure(
        self,
        title: str,
        x: FigureAxis,
        y: FigureAxis,
        curves: Mapping[str, Curve],
        note: str = "",
    ) -> None:
        """A line for each curve. On a logarithmic axis values that are not positive are left out
        by whoever draws it."""
        series = [
            Series(label=label, points=[Point(x=at, y=value) for at, value in points])
            for label, points in curves.items()
        ]
        self._figures.append(Figure(title=title, x=x, y=y, series=series, note=note))

    def remark(self, text: str) -> None:
        """A sentence about what the numbers do not say by themselves."""
        self._remarks.append(text)

    def close(self) -> Findings:
        """Corrects all claims together, and judges. The study is supported where all decisive
        claims are, refuted where any of them is, and else inconclusive."""
        statements = self._judge()
        decisive = [one for one in statements if one.decisive]
        verdict = overall([one.verdict for one in decisive])
        needed = [one.seeds_needed for one in decisive if one.verdict is Verdict.INCONCLUSIVE]
        known = [number for number in needed if number is not None]
        inconclusive = verdict is Verdict.INCONCLUSIVE
        return Findings(
            verdict=verdict,
            seeds_needed=max(known) if inconclusive and known else None,
            statements=statements,
            tables=self._tables,
            figures=self._figures,
            remarks=self._remarks,
            evidence=self._job_groups(),
            jobs=sum(1 for _ in self._evidence.all_runs()),
            sweeps=self._evidence.sweeps,
        )

    def _judge(self) -> list[Statement]:
        p_values = [claim.p for claim in self._claims]
        tested = [p for p in p_values if p is not None]
        corrected = iter(statistics.holm(tested))
        # What cannot be decided stands beside the family, at its strictest level.
        strictest = Holm(adjusted_p=1.0, alpha=ALPHA / max(len(tested), 1))
        return [
            self._statement(claim, p, strictest if p is None else next(corrected))
            for claim, p in zip(self._claims, p_values, strict=True)
        ]

    def _statement(self, claim: _Claim, p: float | None, holm: Holm) -> Statement:
        estimate = self._estimate(claim.sample, claim.kind, holm.alpha)
        verdict, needed = Verdict.INCONCLUSIVE, None
        if p is not None and holm.adjusted_p < ALPHA and estimate.value is not None:
            inside = estimate.value in claim.region
            verdict = Verdict.SUPPORTED if inside else Verdict.REFUTED
        else:
            needed = statistics.seeds_needed(claim.values, claim.kind, claim.region, holm.alpha)
        return Statement(
            text=claim.text,
            quantity=claim.quantity,
            estimate=estimate,
            above=claim.region.above,
            below=claim.region.below,
            p=None if p is None else holm.adjusted_p,
            verdict=verdict,
            seeds_needed=needed,
            decisive=claim.decisive,
        )

    def _estimate(self, sample: Sample, kind: Kind, alpha: float) -> Estimate:
        values = list(sample.values.values())
        ends = statistics.interval(values, kind, alpha)
        return Estimate(
            kind=kind,
            value=statistics.estimate(values, kind),
            interval=None if ends is None else Interval(low=ends[0], high=ends[1]),
            confidence=None if ends is None else 1 - alpha,
            n=sample.n,
            excluded=sample.reasons,
            jobs=self._group(sample.jobs),
        )

    def _group(self, jobs: tuple[str, ...]) -> str | None:
        if not jobs:
            return None
        return self._groups.setdefault(jobs, f"J{len(self._groups) + 1}")

    def _job_groups(self) -> dict[str, JobGroup]:
        sweep_of = {run.job_id: run.sweep_id for run in self._evidence.all_runs()}
        return {
            name: JobGroup(
                sweeps=sorted({sweep_of[job] for job in jobs if job in sweep_of}), jobs=list(jobs)
            )
            for jobs, name in self._groups.items()
        }


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Of a study, from those of its decisive statements."""
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    if verdicts and all(one is Verdict.SUPPORTED for one in verdicts):
        return Verdict.SUPPORTED
    return Verdict.INCONCLUSIVE
