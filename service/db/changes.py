"""What transactions change that others wait for, streams, long polls and the relay: noted in the
transaction, told when it has been committed (docs/decisions/084-hints.md)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

_MOVED = "moved resources"
_MEASURED = "measured resources"
_QUEUED = "jobs to announce"


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Ids of jobs, sweeps and studies of which there is something new to read."""

    moved: frozenset[str]
    """Those that have another state, or a member that has."""
    measured: frozenset[str]
    """Those that have measured something, or a member of which has."""
    queued: bool = False
    """Whether jobs wait for being announced that did not before."""


OnChanged = Callable[[Changed], None]


def note_moved(session: Session, ids: Iterable[str | None]) -> None:
    """Notes that the session's transaction moves these. None is nobody."""
    session.info.setdefault(_MOVED, set()).update(ids)


def note_measured(session: Session, ids: Iterable[str | None]) -> None:
    """Notes that the session's transaction writes measurements of these. None is nobody."""
    session.info.setdefault(_MEASURED, set()).update(ids)


def note_queued(session: Session) -> None:
    """Notes that the session's transaction makes announcements due."""
    session.info[_QUEUED] = True


def take_noted(session: Session) -> Changed | None:
    """What was noted in the session's transaction: call it when that is committed."""
    moved: set[str | None] = session.info.pop(_MOVED, set())
    measured: set[str | None] = session.info.pop(_MEASURED, set())
    changed = Changed(
        moved=frozenset(one for one in moved if one is not None),
        measured=frozenset(one for one in measured if one is not None),
        queued=session.info.pop(_QUEUED, False),
    )
    return changed if changed.moved or changed.measured or changed.queued else None
