"""The application: what it is made of, in one place. Importing this does nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI

import service
from service.api import (
    catalog,
    compare,
    datasets,
    diagnosis,
    errors,
    events,
    health,
    identity,
    jobs,
    metrics,
    pages,
    series,
    studies,
    sweep_events,
    sweeps,
    units,
    weights,
)
from service.api.metrics import Scrape
from service.api.middleware.cors import Cors
from service.api.middleware.envelope import Envelope
from service.api.middleware.gate import Doors, Gate
from service.api.middleware.head import Head
from service.api.middleware.monitoring import Monitor
from service.api.middleware.patience import Patience
from service.api.middleware.spans import Spans
from service.api.openapi import TAGS, Api
from service.api.posts import Posts
from service.api.rates import Rates
from service.api.refusals import refuse_undocumented
from service.api.watching import Watches
from service.artifacts import Store
from service.db import Database
from service.hints import Hints
from service.observability import tracing
from service.queue import broker_is_reachable
from service.settings import Settings

_DESCRIPTION = """\
Trains small networks and measures what their kinks do: dead units, kink hits, gradients.

Post a spec to `/v1/jobs`, follow `/v1/jobs/{id}/events`, read `/v1/jobs/{id}/epochs`. A spec's
possibilities are in `/v1/catalog`. Errors are problem documents (RFC 9457). NaN and infinite
measurements are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`; null means "not measured".

Every path that takes GET takes HEAD, and every path OPTIONS. Paths have no slash at the end; query
parameters that an operation does not know are refused, and so is an `Accept` that it cannot meet.
What changes has an `ETag`: `If-None-Match` saves reading it again, and `If-Match` keeps you from
cancelling, retrying or deleting a job or a sweep that has changed since you read it.

Where keys are needed (beyond one machine, or once one was made), send yours as
`Authorization: Bearer sgk_…`: you see what its owner made and nothing else. `/v1/whoami` says what
a key stands for.
"""


def create_app(
    settings: Settings,
    database: Database | None = None,
    broker_answers: Callable[[Settings], bool] = broker_is_reachable,
) -> FastAPI:
    """The API on the given database, or on one of its own that it closes at the end."""
    used = database or Database(settings.resolved_database_url)
    hints, watches = Hints(settings), Watches(settings)
    used.on_changed = hints.tell

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Its second of work is nothing for the first client to wait for.
        app.openapi()
        async with _listening(watches):
            yield
        hints.close()
        tracing.close()
        if database is None:
            used.dispose()

    app = Api(
        title="Subgrad",
        version=service.__version__,
        summary="A model-training microservice that measures dead units, kinks and gradients",
        description=_DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(refuse_undocumented)],
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.database = used
    app.state.store = Store(settings.artifacts_url)
    app.state.broker_answers = broker_answers
    app.state.doors, app.state.rates = Doors(), Rates(settings)
    app.state.posts, app.state.watches = Posts(), watches
    app.state.scrape = Scrape()
    _wrap(app, settings)
    errors.install(app)
    for resource in (
        jobs,
        series,
        units,
        weights,
        diagnosis,
        events,
        sweeps,
        sweep_events,
        studies,
        compare,
        datasets,
        catalog,
        identity,
        health,
        metrics,
        pages,
    ):
        app.include_router(resource.router)
    return app


@asynccontextmanager
async def _listening(watches: Watches) -> AsyncIterator[None]:
    """Hints are heard while the block lasts."""
    listening = asyncio.create_task(watches.listen())
    try:
        yield
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


def _wrap(app: FastAPI, settings: Settings) -> None:
    """What every request passes through, the innermost first."""
    app.add_middleware(Head)
    app.add_middleware(Gate)
    app.add_middleware(Patience, within_s=settings.request_timeout_s)
    if settings.allowed_origins:
        app.add_middleware(Cors, origins=settings.allowed_origins)
    app.add_middleware(Envelope)
    if settings.traces_url:
        app.add_middleware(Spans)
    app.add_middleware(Monitor, meters=app.state.scrape.http)
