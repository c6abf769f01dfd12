"""What the processes that serve no HTTP tell of themselves."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from service.db.process_tables import ReportRow
from service.db.types import now, now_plus
from service.domain.base import JsonObject

Samples = Sequence[tuple[str, JsonObject, float]]
"""Name, labels and value of each, as Prometheus has them."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """Who reports. The id is that of one life of the process: what it counts begins at 0."""

    id: str
    kind: str
    """`worker` or `dispatch`."""
    host: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a process told last."""

    process: Process
    seen_at: datetime
    silent_s: float
    """For so long it has told nothing, by the database's clock."""
    samples: Samples


def keep(session: Session, process: Process, samples: Samples) -> None:
    """Replaces what the process told before."""
    told = {"seen_at": now(), "samples": list(samples)}
    known = session.scalars(
        update(ReportRow)
        .where(ReportRow.id == process.id)
        .values(told)
        .returning(ReportRow.id)
        .execution_options(synchronize_session=False)
    )
    if known.first() is None:
        session.execute(insert(ReportRow).values(asdict(process) | told))


def read(session: Session) -> list[Report]:
    """Of every process that is remembered, by id."""
    query = select(ReportRow, now().label("now")).order_by(ReportRow.id)
    return [
        Report(
            process=Process(id=row.id, kind=row.kind, host=row.host, version=row.version),
            seen_at=row.seen_at,
            silent_s=max(0.0, (at - row.seen_at).total_seconds()),
            samples=[(name, labels, value) for name, labels, value in row.samples],
        )
        for row, at in session.execute(query)
    ]


def forget(session: Session, process_id: str) -> None:
    """Forgets one process."""
    session.execute(delete(ReportRow).where(ReportRow.id == process_id))


def forget_silent(session: Session, *, after_s: float) -> None:
    """Forgets the processes that told nothing for so many seconds."""
    session.execute(delete(ReportRow).where(ReportRow.seen_at < now_plus(-after_s)))
