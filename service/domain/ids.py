"""Identifiers: a prefix that names the kind, then a UUIDv7, so ids sort by creation time."""

import re
import secrets
import time
import uuid
from typing import Literal

Prefix = Literal["job", "swp", "std", "dat", "wrk"]

_FORM = re.compile(r"[a-z]{3}_[0-9a-f]{32}")


def new_id(prefix: Prefix) -> str:
    """A fresh id such as `job_0192f0c1…`: the prefix and 32 hexadecimal digits of a UUIDv7.

    RFC 9562, section 5.7 with method 3 of section 6.2: the 12 bits after the milliseconds
    hold the fraction of the millisecond, so ids made by one process within a millisecond
    still sort in the order in which they were made (to about 0.25 µs).
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return f"{prefix}_{uuid.UUID(int=value).hex}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Whether `text` has the form of an id of this kind (it may still name nothing)."""
    return text.startswith(prefix) and _FORM.fullmatch(text) is not None
