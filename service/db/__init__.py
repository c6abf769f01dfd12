"""The record: engine, tables, and every SQL statement, a module per question area.

Functions take the caller's session and never commit; `Database.writing()` does, at the edge.
"""

from sqlalchemy.orm import Session

from service.db import (
    access_tables,
    artifact_tables,
    dataset_tables,
    process_tables,
    study_tables,
    tables,
    treatment_tables,
)
from service.db.engine import Database
from service.db.together import UNAVAILABLE, disk_is_full

__all__ = [
    "UNAVAILABLE",
    "Database",
    "Session",
    "access_tables",
    "artifact_tables",
    "dataset_tables",
    "disk_is_full",
    "process_tables",
    "study_tables",
    "tables",
    "treatment_tables",
]
