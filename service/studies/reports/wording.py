"""Findings in words and digits, the same in every form of a report."""

import math

from service.domain.findings import Estimate, Findings, Kind, Statement, Verdict


def number(value: float | None) -> str:
    """Four significant digits."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"
    return text.replace("-", "−") if value < 0 else text


def estimate(of: Estimate) -> str:
    """The number, its interval, and over how many seeds."""
    if of.kind is Kind.THEORY:
        return f"{number(of.value)} (theory)"
    if of.kind is Kind.TOTAL:
        return f"{number(of.value)} (sum of {of.n})"
    between = f" [{number(of.interval.low)}, {number(of.interval.high)}]" if of.interval else ""
    return f"{number(of.value)}{between} ({seeds(of)})"


def seeds(of: Estimate) -> str:
    lost = ", ".join(f"{count} {reason}" for reason, count in of.excluded.items())
    return f"n = {of.n}" + (f"; without: {lost}" if lost else "")


def region(statement: Statement) -> str:
    """Where the statement says that the quantity lies."""
    above, below = statement.above, statement.below
    if above is not None and below is not None:
        return f"between {number(above)} and {number(below)}"
    return f"above {number(above)}" if below is None else f"below {number(below)}"


def decision(statement: Statement) -> str:
    """The verdict, with what it rests on."""
    p = "" if statement.p is None else f", p = {probability(statement.p)} after Holm"
    if statement.verdict is not Verdict.INCONCLUSIVE:
        return f"{statement.verdict.value}{p}"
    return f"inconclusive{p}; {_needed(statement.seeds_needed)}"


def probability(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else "below 0.0001"


def _needed(more: int | None) -> str:
    if more is None:
        return "the estimate lies so near the border that no number of seeds would decide"
    return f"about {more:,} more seeds would decide"


def summary(findings: Findings) -> str:
    """The verdict in a sentence."""
    decisive = [one for one in findings.statements if one.decisive]
    counts = [
        f"{count} {verdict.value}"
        for verdict in Verdict
        if (count := sum(one.verdict is verdict for one in decisive))
    ]
    told = f"Of {len(decisive)} decisive statements: {', '.join(counts)}."
    if findings.verdict is Verdict.INCONCLUSIVE and findings.seeds_needed is not None:
        told += f" About {findings.seeds_needed:,} more seeds would decide."
    return told
