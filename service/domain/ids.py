"""Identifiers: a prefix that names the kind, then a UUIDv7, so ids sort by creation time."""

import re
import secrets
import threading
import time
import uuid
from datetime import datetime
from typing import Literal

Prefix = Literal["job", "swp", "std", "dat", "wrk", "dsp", "coh", "key", "aud", "art"]

_one_at_a_time = threading.Lock()
_last = 0
"""Milliseconds since 1970, times 4096, of the last id."""

_FORM = re.compile(r"[a-z]{3}_[0-9a-f]{32}")


def new_id(prefix: Prefix) -> str:
    """A fresh id such as `job_0192f0c1…`: the prefix and 32 hexadecimal digits of a UUIDv7.

    RFC 9562, section 5.7 with method 3 of section 6.2: the 12 bits after the milliseconds hold
    the fraction of the millisecond. Ids of one process sort in the order in which they were made,
    even where the clock stands still or is set back.
    """
    global _last  # noqa: PLW0603  (one clock per process)
    with _one_at_a_time:
        _last = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        milliseconds, fraction = divmod(_last, 4096)
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return f"{prefix}_{uuid.UUID(int=value).hex}"


def first_id(prefix: Prefix, moment: datetime) -> str:
    """What sorts before every id that is made from then on, and after all earlier ones."""
    return f"{prefix}_{int(moment.timestamp() * 1000):012x}{0:020x}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Whether `text` has the form of an id of this kind (it may still name nothing)."""
    return text.startswith(prefix) and _FORM.fullmatch(text) is not None
