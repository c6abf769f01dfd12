"""The oldest queued jobs of each owner, found without looking at those behind them.

A `GROUP BY` would read the whole queue to name the few owners in it. There are indexes in the order
owner, id, but neither database skips from one owner to the next by itself; a recursive query does
(a "loose index scan"). It takes one look into the index per owner, whether a hundred jobs wait or
ten million.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, Row, Select, func, select
from sqlalchemy.orm import Session, aliased

from service.db.tables import JobRow
from service.domain.spec import Device
from service.domain.states import JobStatus

Head = Row[Any]
"""`owner` and `id` of a job."""


def least_precedence(
    session: Session, devices: Sequence[Device], *, after: int | None = None
) -> int | None:
    """Of the jobs that wait for one of these devices, or of those of them beyond `after`; None
    where none waits."""
    found = []
    for device in devices:
        waiting = _queued(JobRow, device=device).with_only_columns(JobRow.precedence)
        if after is not None:
            waiting = waiting.where(JobRow.precedence > after)
        found.append(session.scalar(waiting.order_by(JobRow.precedence).limit(1)))
    return min((one for one in found if one is not None), default=None)


def oldest(**alike: Any) -> Select[Any]:
    """The queued jobs whose columns have these values, each owner's in the order of their age."""
    return _queued(JobRow, **alike).order_by(JobRow.owner, JobRow.id)


def oldest_of_each_owner(session: Session, **alike: Any) -> list[Head]:
    """One job of each owner who has some whose columns have these values.

    There are indexes for `device` and `precedence`, and for `cohort_key` and `precedence`.
    """
    heads = _heads(alike)
    return list(session.execute(select(heads.c.owner, heads.c.id)))


def oldest_by_turns(session: Session, most: int, *, served: JobRow, **alike: Any) -> list[Head]:
    """At most so many jobs: the oldest of each owner, then the second of each, and so on. `served`
    is not among them, and was its owner's first turn."""
    heads, job, beyond = _heads(alike), aliased(JobRow), aliased(JobRow)
    # No owner gets more than all of them. `served` may be one of its owner's oldest.
    line = (
        _queued(beyond, **alike)
        .where(beyond.owner == heads.c.owner)
        .order_by(beyond.id)
        .with_only_columns(beyond.id)
        .limit(most + 1)
        .correlate(heads)
        .subquery()
    )
    last = select(func.max(line.c.id)).scalar_subquery()
    wanted = (
        _queued(job, **alike)
        .join(heads, job.owner == heads.c.owner)
        .where(job.id <= last, job.id != served.id)
        .order_by(job.id)
    )
    had = Counter({served.owner: 1})
    by_turns = []
    for one in session.execute(wanted):
        by_turns.append((had[one.owner], one.id, one))
        had[one.owner] += 1
    return [one for _, _, one in sorted(by_turns, key=lambda turn: turn[:2])[:most]]


def _heads(alike: dict[str, Any]) -> CTE:
    """`owner` and `id` of the oldest job of each owner."""
    first, beyond, following = (aliased(JobRow) for _ in range(3))
    start = oldest(**alike).with_only_columns(JobRow.id).limit(1).scalar_subquery()
    heads = select(first.owner, first.id).where(first.id == start).cte("heads", recursive=True)
    after = (
        _queued(beyond, **alike)
        .where(beyond.owner > heads.c.owner)
        .order_by(beyond.owner, beyond.id)
        .with_only_columns(beyond.id)
        .limit(1)
        .correlate(heads)
        .scalar_subquery()
    )
    return heads.union_all(
        select(following.owner, following.id).join_from(heads, following, following.id == after)
    )


def _queued(job: Any, **alike: Any) -> Select[Any]:
    same = (getattr(job, column) == value for column, value in alike.items())
    return select(job.owner, job.id).where(job.status == JobStatus.QUEUED, *same)
