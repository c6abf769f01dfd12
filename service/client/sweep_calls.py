"""What can be asked about sweeps."""

from collections.abc import Iterable
from dataclasses import replace

from service.client import calls
from service.client.calls import Call, Page, Posted, Stream
from service.domain.pivot import SweepTable
from service.domain.plan import SweepPlan
from service.domain.sweep import Sweep, SweepProgress

SweepEvent = SweepProgress | Sweep
"""What the events of a sweep carry: `progress` and, last, `end`."""

_SWEEPS = calls.at("v1", "sweeps")


def create(spec: Posted, *, priority: int, idempotency_key: str | None) -> Call[Sweep]:
    return calls.post_spec(_SWEEPS, Sweep, spec, priority=priority, idempotency_key=idempotency_key)


def plan(spec: Posted, *, priority: int) -> Call[SweepPlan]:
    return calls.post_dry_run(_SWEEPS, SweepPlan, spec, priority=priority)


def get(sweep_id: str, *, wait_s: float | None = None) -> Call[Sweep]:
    """The sweep; with `wait_s` (up to 60) as soon as all members have ended, or after that
    time."""
    call = calls.get(_sweep(sweep_id), Sweep, wait=wait_s)
    return replace(call, silence_s=wait_s or 0.0)


def list_all(
    *, name: str | None = None, study_id: str | None = None, page_size: int = 50
) -> Call[Page[Sweep]]:
    """All sweeps that match, newest first, page after page as they are asked for."""
    return calls.get(_SWEEPS, Page[Sweep], name=name, study_id=study_id, limit=page_size)


def table(
    sweep_id: str,
    *,
    quantity: str | None = None,
    rows: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
    over: Iterable[str] | None = None,
) -> Call[SweepTable]:
    """Mean, standard deviation and 95% interval of a quantity, pivoted by axes."""
    sides = {"rows": rows, "columns": columns, "over": over}
    placed = {side: calls.joined(axes) for side, axes in sides.items()}
    return calls.get(_sweep(sweep_id, "table"), SweepTable, quantity=quantity, **placed)


def cancel(sweep_id: str) -> Call[Sweep]:
    """Cancels every member that has not ended."""
    return calls.post(_sweep(sweep_id, "cancel"), Sweep)


def retry(sweep_id: str) -> Call[Sweep]:
    """Queues the failed and the cancelled members again."""
    return calls.post(_sweep(sweep_id, "retry"), Sweep)


def events(sweep_id: str, *, last_event_id: str = "") -> Stream[SweepEvent]:
    """Where the members stand, now and whenever that changes, until all have ended. A stream that
    is cut is taken up with the present state: states may be passed over, none comes twice."""
    return Stream(
        path=_sweep(sweep_id, "events"),
        kinds={"progress": SweepProgress, "end": Sweep},
        last_event_id=last_event_id,
    )


def _sweep(sweep_id: str, *parts: str) -> str:
    return calls.at("v1", "sweeps", sweep_id, *parts)
