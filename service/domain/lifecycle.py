"""When units died and revived. Definitions: docs/definitions.md."""

from collections.abc import Sequence

from service.domain.base import DomainModel

Dead = bool | None
"""Whether a unit is dead after an epoch; None where its layer holds NaN, so nobody can say."""


class Lifecycle(DomainModel):
    """One unit. A unit that is born dead died at the first epoch."""

    died: list[int]
    revived: list[int]


def lifecycle(epochs: Sequence[int], dead: Sequence[Dead]) -> Lifecycle:
    """The epochs at which one unit died and revived. An unknown state changes nothing."""
    died: list[int] = []
    revived: list[int] = []
    was_dead = False
    for epoch, is_dead in zip(epochs, dead, strict=True):
        if is_dead is None or is_dead == was_dead:
            continue
        (died if is_dead else revived).append(epoch)
        was_dead = is_dead
    return Lifecycle(died=died, revived=revived)


def irreversible_fraction(dead: Sequence[Sequence[Dead]]) -> float | None:
    """Of the units dead at some epoch before the last, the share still dead at the end.

    `dead` holds a row per epoch and an entry per unit. None where no unit was dead before the
    last epoch, or where it is unknown how one of them ended.
    """
    if not dead:
        return None
    *earlier, last = dead
    ever = [unit for unit in range(len(last)) if any(row[unit] for row in earlier)]
    ends = [last[unit] for unit in ever]
    known = [end for end in ends if end is not None]
    if not ends or len(known) < len(ends):
        return None
    return sum(known) / len(known)
