"""What the jobs of a study measured, as its template reads it. Knows no SQL: a `Reader` does."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from service.domain.evidence import Record, UnitHistory, Value
from service.domain.states import JobStatus, Outcome
from service.studies.sample import Sample


class Reader(Protocol):
    """Where evidence comes from. All lists are in the order of the sweep's points, then epochs,
    then layers."""

    def records(self, sweep_id: str) -> list[Record]: ...

    def epochs(self, sweep_id: str, column: str) -> dict[str, list[Value]]:
        """The series of one column of `/epochs`, by job."""
        ...

    def layers(self, sweep_id: str, column: str) -> dict[str, list[tuple[int, int, Value]]]:
        """One column of `/layers` as (epoch, layer, value), by job."""
        ...

    def units(self, job_id: str, layer: int) -> UnitHistory: ...

    def weights(self, job_id: str) -> dict[str, tuple[float, ...]] | None:
        """What the job ended with, by PyTorch's names (`0.weight`, `0.bias`, …), flattened; None
        where it was not kept."""
        ...


class Run:
    """One job of the study."""

    def __init__(self, record: Record, sweep_id: str, series: "_SweepSeries") -> None:
        self._record, self._series = record, series
        self.sweep_id = sweep_id
        self.job_id = record.job_id
        self.seed = record.seed
        self.point = record.point
        self.spec = record.spec
        self.status = record.status
        self.diverged = record.outcome is Outcome.DIVERGED
        self.diverged_at_step = record.diverged_at_step
        self.environment = record.environment or {}

    @property
    def completed(self) -> bool:
        """Trained to its end without diverging."""
        return self.status is JobStatus.SUCCEEDED and not self.diverged

    def last(self, column: str) -> Value:
        """The last value of a column of `/epochs`."""
        return self._record.last.get(column)

    def epochs(self, column: str) -> list[Value]:
        """A column of `/epochs`, from epoch 0 on."""
        return self._series.epochs(column).get(self.job_id, [])

    def layers(self, column: str, epoch: int | None = None) -> list[Value]:
        """A column of `/layers` at one epoch (None: the last), from hidden layer 0 on."""
        rows = self._series.layers(column).get(self.job_id, [])
        at = rows[-1][0] if epoch is None and rows else epoch
        return [value for when, _, value in rows if when == at]

    def units(self, layer: int) -> UnitHistory:
        """The units of a hidden layer, where the job kept them (`probes.unit_activity`)."""
        return self._series.reader.units(self.job_id, layer)

    def weights(self) -> dict[str, tuple[float, ...]] | None:
        """What it ended with, by PyTorch's names, flattened; None where that was not kept."""
        return self._series.reader.weights(self.job_id)


Measure = str | Callable[[Run], Value]
"""A column of `/epochs`, by its last value; or what to compute of a run."""


class Runs(Sequence[Run]):
    """Runs of one sweep, in the order of its points."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = tuple(runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def where(self, point: Mapping[str, Any]) -> "Runs":
        """The runs at these values of these axes."""
        return Runs(
            [one for one in self._runs if all(one.point.get(k) == v for k, v in point.items())]
        )

    def by(self, axis: str) -> dict[Any, "Runs"]:
        """The runs at each value of an axis, in the order of the values. Values that are lists or
        objects are keys as JSON text."""
        found: dict[Any, list[Run]] = {}
        for run in self._runs:
            value = run.point[axis]
            key = json.dumps(value) if isinstance(value, list | dict) else value
            found.setdefault(key, []).append(run)
        return {key: Runs(runs) for key, runs in found.items()}

    def sample(self, measure: Measure, *, diverged: float | None = None) -> Sample:
        """One value per seed. Runs that failed, diverged, or did not measure it are excluded and
        counted; with `diverged` those that diverged count as this value.

        Raises ValueError where two runs have the same seed: narrow them down by `where` first.
        """
        values: dict[int, float] = {}
        excluded: dict[int, str] = {}
        for run in self._runs:
            if run.seed in values or run.seed in excluded:
                raise ValueError(f"seed {run.seed} has several runs here; narrow them by an axis")
            if run.status is not JobStatus.SUCCEEDED:
                excluded[run.seed] = run.status.value
            elif run.diverged:
                if diverged is None:
                    excluded[run.seed] = "diverged"
                else:
                    values[run.seed] = diverged
            else:
                value = run.last(measure) if isinstance(measure, str) else measure(run)
                if value is None:
                    excluded[run.seed] = "not measured"
                elif not math.isfinite(value):
                    excluded[run.seed] = "not finite"
                else:
                    values[run.seed] = float(value)
        return Sample(
            values=dict(sorted(values.items())),
            excluded=dict(sorted(excluded.items())),
            jobs=tuple(sorted(run.job_id for run in self._runs)),
        )

    def share(self, holds: Callable[[Run], bool | None], *, diverged: bool | None = None) -> Sample:
        """1 for each seed where it holds, 0 where it does not; None excludes the seed."""

        def measure(run: Run) -> Value:
            found = holds(run)
            return None if found is None else float(found)

        return self.sample(measure, diverged=None if diverged is None else float(diverged))


@dataclass(frozen=True, kw_only=True)
class _SweepSeries:
    """Series of one sweep, each read once."""

    reader: Reader
    sweep_id: str
    epochs: Callable[[str], dict[str, list[Value]]] = field(init=False)
    layers: Callable[[str], dict[str, list[tuple[int, int, Value]]]] = field(init=False)

    def __post_init__(self) -> None:
        read = self.reader
        object.__setattr__(self, "epochs", cache(lambda name: read.epochs(self.sweep_id, name)))
        object.__setattr__(self, "layers", cache(lambda name: read.layers(self.sweep_id, name)))


class Evidence:
    """The jobs of all rounds so far, by the name that the template gave to their sweep."""

    def __init__(self, reader: Reader, sweeps: Mapping[str, str]) -> None:
        self._reader = reader
        self.sweeps = dict(sweeps)
        self._runs: dict[str, Runs] = {}

    def __contains__(self, sweep: str) -> bool:
        return sweep in self.sweeps

    def runs(self, sweep: str) -> Runs:
        """All jobs of the sweep. Raises KeyError for a name that was never posted."""
        if sweep not in self._runs:
            sweep_id = self.sweeps[sweep]
            series = _SweepSeries(reader=self._reader, sweep_id=sweep_id)
            found = self._reader.records(sweep_id)
            self._runs[sweep] = Runs([Run(record, sweep_id, series) for record in found])
        return self._runs[sweep]

    def all_runs(self) -> Iterator[Run]:
        for sweep in self.sweeps:
            yield from self.runs(sweep)
