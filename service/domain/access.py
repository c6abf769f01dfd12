"""Who asks, and what they may: API keys, scopes, owners.

A key is a text such as `sgk_3f9a1c07be52_…`: a mark, a public prefix by which its record is found,
and 256 random bits. Kept is the SHA-256 of the whole, so nobody who reads the database can use a
key; a slow hash would add nothing, because so many random bits cannot be guessed
(docs/decisions/045-api-keys.md).
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from service.domain.base import DomainModel, Name
from service.domain.job import UtcTime

DEFAULT_OWNER = "default"
"""Whose everything is where no key is needed."""

_TOKEN = re.compile(r"sgk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a key may do. None contains another, but for `admin`, which contains both."""

    READ = "read"
    """Read what belongs to the key's owner."""
    WRITE = "write"
    """Submit, upload, cancel, retry and delete in the owner's name."""
    ADMIN = "admin"
    """Both, on everything of everybody, and the audit log."""


class ApiKey(DomainModel):
    """What is known of a key; the key itself is shown once, when it is made."""

    id: str
    name: Name
    owner: str = Field(description="Whose the key's jobs are; keys of one owner see the same")
    prefix: str = Field(description="The beginning of the key, which is no secret")
    scopes: list[Scope]
    created_at: UtcTime
    expires_at: UtcTime | None
    last_used_at: UtcTime | None = Field(description="To the minute")
    revoked_at: UtcTime | None


@dataclass(frozen=True, kw_only=True)
class Access:
    """What one request may do, and in whose name."""

    owner: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    """None where no key is needed."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    @property
    def sees(self) -> str | None:
        """The owner whose rows may be seen; None: everybody's."""
        return None if Scope.ADMIN in self.scopes else self.owner


KEYLESS = Access(owner=DEFAULT_OWNER, scopes=frozenset(Scope))
"""Everybody who can reach a service that needs no key."""


def mint_token() -> tuple[str, str]:
    """A new key, and its prefix."""
    prefix = secrets.token_hex(6)
    return f"sgk_{prefix}_{secrets.token_urlsafe(32)}", prefix


def prefix_of(token: str) -> str | None:
    """The public part of a key; None where the text has not the form of one."""
    found = _TOKEN.fullmatch(token)
    return found and found[1]


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_token_of(token: str, kept: str | None) -> bool:
    """Whether the digest that is kept is the token's, in a time that tells nothing about either.
    None: there is no such key, which takes as long."""
    same = hmac.compare_digest(digest(token), kept or digest(""))
    return same and kept is not None
