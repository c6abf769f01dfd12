"""Moves what is kept from the database into the store and back, while the service runs."""

from collections.abc import Iterator

from service.artifacts.keeping import put
from service.artifacts.store import Store
from service.db import Database, relocating
from service.db.relocating import HOLDERS, Holder
from service.domain.artifacts import Artifact, Content
from service.domain.errors import ArtifactLost

_AT_A_TIME = 100


def move_all(database: Database, store: Store, *, into_store: bool) -> Iterator[str | None]:
    """Moves final weights and data sets one by one; tells of each None, or how it is lost. May be
    broken off and begun again. Raises StoreUnavailable."""
    for holder in HOLDERS:
        for key in _keys(database, holder, elsewhere=not into_store):
            try:
                if _move(database, store, holder, key):
                    yield None
            except ArtifactLost as error:
                yield str(error)


def _keys(database: Database, holder: Holder, *, elsewhere: bool) -> Iterator[str]:
    after = ""
    while True:
        with database.reading() as session:
            found = relocating.keys(
                session, holder, elsewhere=elsewhere, after=after, limit=_AT_A_TIME
            )
        if not found:
            return
        yield from found
        after = found[-1]


def _move(database: Database, store: Store, holder: Holder, key: str) -> bool:
    with database.reading() as session:
        before = relocating.read(session, holder, key)
    after: Content
    if isinstance(before, Artifact):
        after = store.read(before)
    elif before:
        place = f"{holder.place}/{key}"
        after = put(database, store, {place: before})[place]
    else:
        return False  # deleted meanwhile
    with database.writing() as session:
        return relocating.move(session, holder, key, before, after)
