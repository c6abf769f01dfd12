"""Removes objects that no row names: of killed writers, deleted rows and replaced checkpoints."""

from service.artifacts.store import Store
from service.db import Database, artifacts

SWEEP_EVERY_S = 10.0
# Far longer than anybody may take between an object and its row.
_PENDING_S = 3600.0
_AT_A_TIME = 100


def sweep(
    database: Database, store: Store, *, pending_s: float = _PENDING_S, limit: int = _AT_A_TIME
) -> int:
    """Removes at most `limit` of them, and returns how many. Any number may sweep at a time.

    First they are marked in a transaction, and from then on no row can name them; then they are
    removed; then they are forgotten. Whoever is killed in between leaves marked ones behind, which
    are tried again.
    """
    with database.writing() as session:
        doomed = artifacts.doom_unnamed(session, pending_s=pending_s, limit=limit)
    if not doomed:
        return 0
    gone = store.remove(doomed)
    with database.writing() as session:
        artifacts.forget(session, gone)
    return len(gone)


def sweep_all(database: Database, store: Store) -> int:
    """Sweeps until there is nothing left, or the store does not answer."""
    removed = 0
    while swept := sweep(database, store):
        removed += swept
    return removed
