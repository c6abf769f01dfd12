"""One number per seed, with the jobs behind it. Samples combine seed by seed, so comparisons are
paired by construction."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Finite values by seed; `excluded` says of every other seed why it has none. `jobs` holds
    all jobs behind the sample, those of excluded seeds too, in the order of their ids."""

    values: Mapping[int, float]
    excluded: Mapping[int, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def seeds(self) -> int:
        """Those with a value and those without."""
        return len(self.values) + len(self.excluded)

    @property
    def reasons(self) -> dict[str, int]:
        """How many seeds were excluded, by reason."""
        return dict(sorted(Counter(self.excluded.values()).items()))

    def __sub__(self, other: "Sample") -> "Sample":
        """Differences of the pairs with the same seed."""
        return self.combine(other, lambda a, b: a - b)

    def __truediv__(self, other: "Sample") -> "Sample":
        """Ratios of the pairs with the same seed; excluded where the divisor is 0."""
        return self.combine(other, lambda a, b: a / b if b else math.nan)

    def combine(self, other: "Sample", f: Callable[[float, float], float]) -> "Sample":
        """f of each pair with the same seed. A seed that only one of the two has is excluded."""
        pairs = {s: f(self.values[s], other.values[s]) for s in self.values if s in other.values}
        excluded = {**other.excluded, **self.excluded}
        alone = (self.values.keys() ^ other.values.keys()) - excluded.keys()
        return _checked(
            pairs,
            excluded | dict.fromkeys(sorted(alone), "without a pair"),
            tuple(sorted({*self.jobs, *other.jobs})),
        )

    def map(self, f: Callable[[float], float]) -> "Sample":
        """f of each value; excluded where that is no finite number (or f has no value there)."""
        return _checked(
            {s: _guarded(f, v) for s, v in self.values.items()}, self.excluded, self.jobs
        )

    def positive(self) -> Self:
        """Without values that have no logarithm."""
        kept = {s: v for s, v in self.values.items() if v > 0}
        lost = {s: "not positive" for s in self.values if s not in kept}
        return type(self)(values=kept, excluded={**self.excluded, **lost}, jobs=self.jobs)


def across(samples: Sequence[Sample], f: Callable[[list[float]], float]) -> Sample:
    """f of every seed's values, one from each sample: a slope over depths, say. Seeds that lack
    one of them are excluded."""
    seeds = sorted({s for one in samples for s in (*one.values, *one.excluded)})
    lost = {s: why for one in samples for s, why in one.excluded.items()}
    rest = [s for s in seeds if s not in lost]
    lost |= {s: "without a pair" for s in rest if not all(s in one.values for one in samples)}
    return _checked(
        {s: f([one.values[s] for one in samples]) for s in rest if s not in lost},
        dict(sorted(lost.items())),
        tuple(sorted({job for one in samples for job in one.jobs})),
    )


def _guarded(f: Callable[[float], float], value: float) -> float:
    try:
        return f(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def _checked(
    values: Mapping[int, float], excluded: Mapping[int, str], jobs: tuple[str, ...]
) -> Sample:
    finite = {s: float(v) for s, v in values.items() if math.isfinite(v)}
    lost = {s: "not finite" for s in values if s not in finite}
    return Sample(values=dict(sorted(finite.items())), excluded={**excluded, **lost}, jobs=jobs)
