"""Jobs, sweeps, studies and data sets, as both clients have them."""

import time
from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from service.client import dataset_calls, job_calls, study_calls, sweep_calls
from service.client.calls import Call, Posted
from service.client.errors import StillRunning
from service.client.operations import AsyncResource, Listing, Operation, Resource, Streaming
from service.domain.job import Job
from service.domain.plan import JobPlan, SweepPlan
from service.domain.study import Study
from service.domain.sweep import Sweep

_LONGEST_WAIT_S = 30.0
"""Of one request: proxies close connections that are silent for a minute."""


class _Ends(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def is_terminal(self) -> bool: ...


R = TypeVar("R", bound=_Ends)
Plan = TypeVar("Plan")


class _Waiting:
    """How long the next look at something may wait for its end."""

    def __init__(self, timeout_s: float | None) -> None:
        self._ends_at = None if timeout_s is None else time.monotonic() + timeout_s

    def next_s(self) -> float:
        if self._ends_at is None:
            return _LONGEST_WAIT_S
        return max(0.0, min(_LONGEST_WAIT_S, self._ends_at - time.monotonic()))

    def check(self, resource: _Ends) -> None:
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            raise StillRunning(f"{resource.id} is still {resource.status} when the time is up.")


class _Ending(Resource, Generic[R]):
    """What can be waited for."""

    _get: Callable[..., Call[R]]

    def wait(self, resource_id: str, *, timeout_s: float | None = None) -> R:
        """Returns it once it has ended. Raises StillRunning after `timeout_s`."""
        waiting = _Waiting(timeout_s)
        while True:
            found = self._sender.send(type(self)._get(resource_id, wait_s=waiting.next_s()))
            if found.is_terminal:
                return found
            waiting.check(found)


class _AsyncEnding(AsyncResource, Generic[R]):
    """The same, awaited."""

    _get: Callable[..., Call[R]]

    async def wait(self, resource_id: str, *, timeout_s: float | None = None) -> R:
        """Returns it once it has ended. Raises StillRunning after `timeout_s`."""
        waiting = _Waiting(timeout_s)
        while True:
            found = await self._sender.send(type(self)._get(resource_id, wait_s=waiting.next_s()))
            if found.is_terminal:
                return found
            waiting.check(found)


class _Posting(Generic[R, Plan]):
    """The calls that posting is made of."""

    _post: Callable[..., Call[R]]
    _plan: Callable[..., Call[Plan]]

    def _creation(
        self, spec: Posted, priority: int, idempotency_key: str | None, dry_run: bool
    ) -> Call[Any]:
        if dry_run:
            return type(self)._plan(spec, priority=priority)
        return type(self)._post(spec, priority=priority, idempotency_key=idempotency_key)


class _Lasting(_Ending[R], _Posting[R, Plan]):
    @overload
    def create(
        self,
        spec: Posted,
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        dry_run: Literal[False] = False,
    ) -> R: ...
    @overload
    def create(
        self,
        spec: Posted,
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        dry_run: Literal[True],
    ) -> Plan: ...
    def create(
        self,
        spec: Posted,
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> R | Plan:
        """Submits. Sent again after a failure it is still submitted once: where no key is given
        the client makes one. `dry_run` answers what it would cost, and stores nothing."""
        created: R | Plan = self._sender.send(
            self._creation(spec, priority, idempotency_key, dry_run)
        )
        return created


class _AsyncLasting(_AsyncEnding[R], _Posting[R, Plan]):
    @overload
    async def create(
        self,
        spec: Posted,
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        dry_run: Literal[False] = False,
    ) -> R: ...
    @overload
    async def create(
        self,
        spec: Posted,
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        dry_run: Literal[True],
    ) -> Plan: ...
    async def create(
        self,
        spec: Posted,
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> R | Plan:
        """Submits. Sent again after a failure it is still submitted once: where no key is given
        the client makes one. `dry_run` answers what it would cost, and stores nothing."""
        created: R | Plan = await self._sender.send(
            self._creation(spec, priority, idempotency_key, dry_run)
        )
        return created


class _Jobs:
    _post = staticmethod(job_calls.create)
    _plan = staticmethod(job_calls.plan)
    _get = staticmethod(job_calls.get)

    get = Operation(job_calls.get)
    list = Listing(job_calls.list_all)
    cancel = Operation(job_calls.cancel)
    retry = Operation(job_calls.retry)
    delete = Operation(job_calls.delete)
    epochs = Operation(job_calls.epochs)
    layers = Operation(job_calls.layers)
    units = Operation(job_calls.units)
    export = Operation(job_calls.export)
    weights = Operation(job_calls.weights)
    diagnose = Operation(job_calls.diagnose)
    events = Streaming(job_calls.events)


class _Sweeps:
    _post = staticmethod(sweep_calls.create)
    _plan = staticmethod(sweep_calls.plan)
    _get = staticmethod(sweep_calls.get)

    get = Operation(sweep_calls.get)
    list = Listing(sweep_calls.list_all)
    table = Operation(sweep_calls.table)
    cancel = Operation(sweep_calls.cancel)
    retry = Operation(sweep_calls.retry)
    events = Streaming(sweep_calls.events)


class _Studies:
    _get = staticmethod(study_calls.get)

    templates = Operation(study_calls.templates)
    create = Operation(study_calls.create)
    get = Operation(study_calls.get)
    list = Listing(study_calls.list_all)
    report = Operation(study_calls.report)
    export = Operation(study_calls.export)
    cancel = Operation(study_calls.cancel)


class _Datasets:
    upload = Operation(dataset_calls.upload)
    get = Operation(dataset_calls.get)
    preview = Operation(dataset_calls.preview)
    list = Listing(dataset_calls.list_all)
    delete = Operation(dataset_calls.delete)


class Jobs(_Jobs, _Lasting[Job, JobPlan]):
    """Training runs."""


class Sweeps(_Sweeps, _Lasting[Sweep, SweepPlan]):
    """Grids of training runs."""


class AsyncJobs(_Jobs, _AsyncLasting[Job, JobPlan]):
    """Training runs, awaited."""


class AsyncSweeps(_Sweeps, _AsyncLasting[Sweep, SweepPlan]):
    """Grids of training runs, awaited."""


class Studies(_Studies, _Ending[Study]):
    """Claims tested."""


class AsyncStudies(_Studies, _AsyncEnding[Study]):
    """Claims tested, awaited."""


class Datasets(_Datasets, Resource):
    """Data sets of your own."""


class AsyncDatasets(_Datasets, AsyncResource):
    """Data sets of your own, awaited."""
