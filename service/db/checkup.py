"""Whether the database can be used, and by whose clock it goes: for `subgrad doctor`."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from service.db import reports
from service.db.engine import Database
from service.db.migrate import newest_revision, present_revision
from service.db.reports import Process
from service.db.types import now
from service.domain.ids import new_id


class Schema(StrEnum):
    NEWEST = "newest"
    NONE = "none"
    OLDER = "older"
    NEWER = "newer"
    """It is of a version that this program does not know."""


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    state: Schema
    present: str | None
    newest: str


def read_schema(database: Database) -> SchemaState:
    """Compares the database's schema with this program's."""
    newest, known = newest_revision()
    present = present_revision(database)
    if present is None:
        state = Schema.NONE
    elif present == newest:
        state = Schema.NEWEST
    else:
        state = Schema.OLDER if present in known else Schema.NEWER
    return SchemaState(state=state, present=present, newest=newest)


def read_clock(session: Session) -> datetime:
    """The database's clock."""
    at: datetime = session.execute(select(now())).scalar_one()
    return at


def why_unreachable(database: Database) -> str | None:
    """Why the database cannot be asked anything, or None."""
    try:
        database.ping()
    # The driver's own: a file that is no database says so before SQLAlchemy is told.
    except (SQLAlchemyError, sqlite3.Error) as error:
        return str(error).splitlines()[0]
    return None


def why_not_writable(database: Database) -> str | None:
    """Writes a row and takes it back. Returns why that was not possible, or None."""
    trial = Process(id=new_id("dsp"), kind="trial", host="", version="")
    try:
        # Two transactions: what is not committed need not reach the disk, which may be full.
        with database.writing() as session:
            reports.keep(session, trial, [])
        with database.writing() as session:
            reports.forget(session, trial.id)
    except DBAPIError as error:
        return str(error.orig).splitlines()[0]
    return None
