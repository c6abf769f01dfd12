"""Objects and the rows that need them, in the order in which nothing is lost."""

from collections.abc import Callable, Mapping

from service.artifacts.store import Store
from service.db import Database, Session, artifacts
from service.domain.artifacts import Artifact, Content
from service.domain.errors import ArtifactLost

Look = Callable[[Session], Content | None]
"""Reads a row; None where there is none."""


def register(
    database: Database, store: Store, contents: Mapping[str, bytes]
) -> dict[str, Artifact]:
    """Makes an object known for each content, by its place such as `weights/job_…`: it may be
    written now, and is removed again if no row has named it after a while."""
    made = {place: Artifact.of(store.new_url(place), one) for place, one in contents.items()}
    # Nobody's: of what its owner does the audit log tells with the row.
    with database.seen_by(None).writing() as session:
        artifacts.register(session, made.values())
    return made


def put(database: Database, store: Store, contents: Mapping[str, bytes]) -> dict[str, Artifact]:
    """Writes each content as an object of its own, for a row to name. Raises StoreUnavailable."""
    made = register(database, store, contents)
    store.write({made[place].url: content for place, content in contents.items()})
    return made


def read(database: Database, store: Store, look: Look) -> bytes | None:
    """The bytes of the row, wherever they lie. Raises ArtifactLost, StoreUnavailable."""
    lost: ArtifactLost | None = None
    before: Content | None = None
    while True:
        with database.reading() as session:
            content = look(session)
        if not isinstance(content, Artifact):
            return content
        if lost is not None and content == before:
            raise lost
        try:
            return store.read(content)
        except ArtifactLost as error:
            # The row may have got another object meanwhile, and this one been removed.
            lost, before = error, content
