"""Bytes that are kept outside the database: where they lie, and what they must be."""

import hashlib
from dataclasses import dataclass

from service.domain.errors import ArtifactLost


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An object in a store, as the database knows it. It is written once and never changed."""

    url: str
    """The whole of it, so that it is found whatever store new objects go to."""
    size: int
    sha256: str

    @classmethod
    def of(cls, url: str, content: bytes) -> "Artifact":
        return cls(url=url, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    def check(self, content: bytes) -> bytes:
        """The content, if it is what was written. Raises ArtifactLost."""
        if len(content) != self.size:
            raise ArtifactLost(self.url, f"has {len(content):,} bytes instead of {self.size:,}")
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ArtifactLost(self.url, "has other bytes than were written")
        return content


Content = bytes | Artifact
"""What a row has: the bytes themselves, or where they lie."""
