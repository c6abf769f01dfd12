"""Which of the forms that an operation has its client wants (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Sequence

from service.api.errors import ApiError

_QUALITY = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)")


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The offered media type that the Accept header prefers; among equals, the first offered.

    No header accepts everything. Raises ApiError (not_acceptable) where nothing fits.
    """
    ranges = [one for one in map(_parse, (accept or "*/*").split(",")) if one is not None]
    best = max(offered, key=lambda kind: _quality(kind, ranges))
    if _quality(best, ranges) == 0:
        raise ApiError(
            "not_acceptable",
            f"Accept is {accept!r:.200}; this path answers with {' or '.join(offered)}.",
        )
    return best


def _parse(text: str) -> tuple[str, float] | None:
    """A media range and its quality; parameters other than q are passed over."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((p for p in parameters if p.startswith("q=")), "q=1")
    found = _QUALITY.fullmatch(quality)
    if not kind or found is None:
        return None
    return kind, float(found[1])


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range that the type falls into; 0 where there is none."""
    for wanted in (kind, kind.split("/", maxsplit=1)[0] + "/*", "*/*"):
        found = [quality for one, quality in ranges if one == wanted]
        if found:
            return max(found)
    return 0.0
