"""What one look found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Jobs run; somebody should look at it."""
    FAILED = "failed"
    """Jobs do not run, or will not for long."""
    UNKNOWN = "unknown"
    """It cannot be seen from here."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    check: str
    verdict: Verdict
    detail: str
    advice: str | None = None
    """What to do about it."""


def ok(check: str, detail: str) -> Finding:
    return Finding(check=check, verdict=Verdict.OK, detail=detail)


def warning(check: str, detail: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARNING, detail=detail, advice=advice)


def failed(check: str, detail: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.FAILED, detail=detail, advice=advice)


def unknown(check: str, detail: str, advice: str | None = None) -> Finding:
    return Finding(check=check, verdict=Verdict.UNKNOWN, detail=detail, advice=advice)


CLOCKS_MAY_DIFFER_S = 2.0


def compare_clocks(ahead_s: float, of_whom: str) -> Finding:
    """`ahead_s`: by how much this machine's clock is before the other's."""
    away = f"{abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} {of_whom}"
    if abs(ahead_s) <= CLOCKS_MAY_DIFFER_S:
        return ok("clock", f"within {CLOCKS_MAY_DIFFER_S:g} s of {of_whom}")
    return failed(
        "clock",
        f"this machine's clock is {away}",
        "Leases go by the database's clock and are safe; ids, logs and expiry dates are not. "
        "Let both machines follow the same time server (NTP).",
    )


def compare_versions(check: str, versions: set[str], ours: str, whose: str) -> Finding | None:
    """A warning where others run another version than ours."""
    others = sorted(versions - {ours})
    if not others:
        return None
    return warning(
        check,
        f"{whose} version {', '.join(others)}; this program is {ours}",
        "Upgrade what is older: docs/upgrading.md. Both work side by side meanwhile.",
    )
