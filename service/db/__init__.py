"""The record: engine, tables, and every SQL statement, a module per question area.

Functions take the caller's session and never commit; `Database.writing()` does, at the edge.
"""

from service.db.engine import Database

__all__ = ["Database"]
