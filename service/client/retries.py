"""When to send a request again, and after how long. Knows no clock and sends nothing."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

_RANDOM = secrets.SystemRandom()

_PASSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Answers that may be another one in a moment."""

_OURS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""What cannot be sent, however often."""

Outcome = httpx.Response | httpx.TransportError
"""What became of a request."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Exponential backoff with jitter: before the n-th repetition a pause drawn uniformly from
    the upper half of [0, first_pause_s · 2^(n - 1)], at most `longest_pause_s`. `Retry-After` is
    obeyed: it is added to the pause; one above `longest_obeyed_s` ends the repetitions."""

    most: int = 5
    first_pause_s: float = 0.2
    longest_pause_s: float = 10.0
    longest_obeyed_s: float = 60.0

    def pause_s(self, outcome: Outcome, failures: int) -> float | None:
        """Seconds to wait before the next try after `failures` failed ones; None: give up, or
        there is nothing to repeat."""
        asked_s = 0.0
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in _PASSING:
                return None
            asked_s = retry_after_s(outcome) or 0.0
        elif isinstance(outcome, _OURS):
            return None
        if failures > self.most or asked_s > self.longest_obeyed_s:
            return None
        # A float: 2 ** 1024 of integers would be too large to multiply.
        longest = min(self.longest_pause_s, self.first_pause_s * 2.0 ** min(failures - 1, 60))
        return asked_s + _RANDOM.uniform(longest / 2, longest)


def retry_after_s(response: httpx.Response) -> float | None:
    """The header's seconds, or those until its date (RFC 9110, section 10.2.3); None where there
    is none that can be read."""
    written = response.headers.get("Retry-After", "").strip()
    if written.isascii() and written.isdecimal():
        return float(written)
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": a time in UTC of unknown origin
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
