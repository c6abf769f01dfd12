"""The client on a real service, whose worker trains."""

import asyncio
import contextlib
import io
import math
import random

import pytest
from pyarrow import parquet
from safetensors.numpy import load

from service.client import (
    AsyncSubgrad,
    InvalidRequest,
    MoveRefused,
    NotFound,
    Retries,
    StillRunning,
    Subgrad,
)
from service.domain.job import Job, StatusChange
from service.domain.metrics import EPOCH_COLUMNS, EpochMetrics
from service.domain.states import JobStatus, Outcome
from service.domain.sweep import Sweep, SweepSpec
from tests.integration.client.cutting import CuttingProxy
from tests.integration.client.scripted import Answer, Scripted
from tests.specs import SMALL, job_spec
from tests.stack import Stack, digits_spec

LONG = digits_spec(epochs=10_000)
DIVERGING = SMALL | {"optimizer": {"learning_rate": 1e30}, "epochs": 5}
SWEEP = {
    "name": "seeds",
    "base": SMALL,
    "axes": {"optimizer.learning_rate": [0.01, 0.1], "seed": {"range": 3}},
}


def test_a_job_from_its_spec_to_its_numbers(client: Subgrad) -> None:
    posted = client.jobs.create(job_spec(name="from start to end"), priority=7)
    assert (posted.name, posted.priority) == ("from start to end", 7)
    job = client.jobs.wait(posted.id)
    assert (job.status, job.outcome) == (JobStatus.SUCCEEDED, Outcome.COMPLETED)
    assert job == client.jobs.get(job.id)
    epochs = client.jobs.epochs(job.id)
    assert epochs.columns.epoch == [0, 1, 2, 3]
    assert job.summary is not None
    assert epochs.columns.train_loss[-1] == job.summary.train_loss
    assert client.jobs.layers(job.id).columns.units == [4] * 4
    units = client.jobs.units(job.id, layer=0)
    assert (units.units, units.epochs) == (4, [0, 1, 2, 3])


def test_a_spec_read_back_can_be_posted_again(client: Subgrad) -> None:
    spec = client.jobs.create(SMALL).spec
    assert client.jobs.create(spec).spec == spec


def test_chosen_columns_in_few_points(client: Subgrad) -> None:
    job = client.jobs.wait(client.jobs.create(SMALL | {"epochs": 40}).id)
    series = client.jobs.epochs(job.id, columns=["epoch", "train_loss"], max_points=7)
    assert len(series.columns.epoch) <= 7
    assert series.columns.dead_fraction == []
    assert series.minimum is not None
    assert len(series.minimum.train_loss) == len(series.columns.epoch)


def test_what_diverged_comes_as_floats(client: Subgrad) -> None:
    job = client.jobs.wait(client.jobs.create(DIVERGING).id)
    assert job.outcome is Outcome.DIVERGED
    losses = client.jobs.epochs(job.id).columns.train_loss
    assert isinstance(losses[-1], float)
    assert not math.isfinite(losses[-1])


def test_series_come_as_files(client: Subgrad) -> None:
    job = client.jobs.wait(client.jobs.create(SMALL).id)
    header, *rows = client.jobs.export(job.id).decode().splitlines()
    assert header.split(",") == list(EPOCH_COLUMNS)
    assert len(rows) == 4
    content = client.jobs.export(job.id, what="layers", form="parquet", columns=["epoch", "dead"])
    table = parquet.read_table(io.BytesIO(content))
    assert table.column_names == ["epoch", "dead"]


def test_final_weights_come_as_safetensors(client: Subgrad) -> None:
    job = client.jobs.wait(client.jobs.create(SMALL).id)
    assert set(load(client.jobs.weights(job.id))) >= {"0.weight", "0.bias"}
    queued = client.jobs.create(LONG)
    with pytest.raises(NotFound) as raised:
        client.jobs.weights(queued.id)
    assert raised.value.code == "weights_not_kept"
    client.jobs.cancel(queued.id)


def test_one_key_is_one_job(client: Subgrad) -> None:
    first, second = (client.jobs.create(SMALL, idempotency_key="only once") for _ in range(2))
    assert first.id == second.id
    with pytest.raises(InvalidRequest) as raised:
        client.jobs.create(SMALL | {"seed": 9}, idempotency_key="only once")
    assert raised.value.code == "idempotency_conflict"


def test_a_dry_run_is_a_plan_and_stores_nothing(client: Subgrad) -> None:
    plan = client.jobs.create(SMALL | {"name": "never"}, dry_run=True)
    assert plan.parameters > 0
    assert plan.steps > 0
    assert list(client.jobs.list(name="never")) == []
    sweep = client.sweeps.create(SWEEP | {"name": "never"}, dry_run=True)
    assert sweep.members == 6
    assert list(client.sweeps.list(name="never")) == []


def test_a_refusal_points_at_the_field(client: Subgrad) -> None:
    with pytest.raises(InvalidRequest) as raised:
        client.jobs.create(SMALL | {"epochs": "many"})
    error = raised.value
    assert (error.status, error.code) == (422, "invalid_spec")
    assert [one.pointer for one in error.errors] == ["/epochs"]
    assert error.request_id


def test_a_job_is_cancelled_retried_and_deleted(client: Subgrad) -> None:
    job = client.jobs.create(LONG)
    with pytest.raises(StillRunning):
        client.jobs.wait(job.id, timeout_s=0)
    with pytest.raises(MoveRefused):
        client.jobs.delete(job.id)
    client.jobs.cancel(job.id)
    assert client.jobs.wait(job.id).status is JobStatus.CANCELLED
    assert client.jobs.retry(job.id).status is JobStatus.QUEUED
    client.jobs.cancel(job.id)
    client.jobs.wait(job.id)
    client.jobs.delete(job.id)
    with pytest.raises(NotFound):
        client.jobs.get(job.id)


def test_a_list_goes_over_all_pages_newest_first(client: Subgrad) -> None:
    posted = [client.jobs.create(SMALL | {"name": "paged", "seed": n}).id for n in range(5)]
    found = [job.id for job in client.jobs.list(name="paged", page_size=2)]
    assert found == posted[::-1]


def test_jobs_are_compared(client: Subgrad) -> None:
    jobs = [client.jobs.create(SMALL | {"seed": seed}) for seed in (0, 1)]
    ids = [client.jobs.wait(job.id).id for job in jobs]
    comparison = client.compare(*ids, columns=["train_loss"])
    assert [one.pointer for one in comparison.differences] == ["/seed"]
    assert comparison.first_differing_epoch == 0
    assert [curve.quantity for curve in comparison.curves] == ["train_loss"]


def test_a_sweep_from_its_axes_to_its_table(client: Subgrad) -> None:
    posted = client.sweeps.create(SweepSpec.model_validate(SWEEP))
    *progress, end = client.sweeps.events(posted.id)
    assert {event.kind for event in progress} == {"progress"}
    assert isinstance(end.data, Sweep)
    assert end.data.counts.succeeded == 6
    assert client.sweeps.wait(posted.id) == end.data
    assert posted.id in [sweep.id for sweep in client.sweeps.list(name="seeds")]
    table = client.sweeps.table(posted.id, quantity="train_loss", rows=["optimizer.learning_rate"])
    assert table.over == ["seed"]
    assert [[cell.n for cell in row] for row in table.cells] == [[3], [3]]
    with pytest.raises(MoveRefused):
        client.sweeps.retry(posted.id)


def test_a_sweep_is_cancelled_and_its_members_tried_again(client: Subgrad) -> None:
    """Those that were cancelled: the others keep their results."""
    axes = {"epochs": [1, LONG["epochs"]], "seed": {"range": 2}}
    sweep = client.sweeps.create({"base": LONG, "axes": axes})
    short = client.jobs.list(sweep_id=sweep.id)
    for job in [job for job in short if job.spec.epochs == 1]:
        client.jobs.wait(job.id)
    client.sweeps.cancel(sweep.id)
    ended = client.sweeps.wait(sweep.id)
    assert (ended.counts.succeeded, ended.counts.cancelled) == (2, 2)
    again = client.sweeps.retry(sweep.id)
    assert again.counts.succeeded == 2
    assert again.counts.queued + again.counts.running == 2
    assert not again.is_terminal
    client.sweeps.cancel(sweep.id)
    assert client.sweeps.wait(sweep.id).counts.cancelled == 2


def test_the_service_tells_of_itself(client: Subgrad) -> None:
    assert client.health().ready
    assert "relu" in [one["name"] for one in client.catalog()["activations"]]
    assert client.openapi()["info"]["title"] == "Subgrad"


def test_a_service_that_is_not_ready_says_what_is_missing() -> None:
    body = b'{"code": "not_ready", "errors": [{"pointer": "/worker", "detail": "none"}]}'
    with Scripted(Answer(status=503, body=body)).running() as server, Subgrad(server.url) as client:
        health = client.health()
    assert not health.ready
    assert [one.pointer for one in health.missing] == ["/worker"]


def story(data: StatusChange | EpochMetrics | Job) -> str:
    if isinstance(data, EpochMetrics):
        return str(data.epoch)
    return data.status if isinstance(data, StatusChange) else "end"


EPOCHS = 30
WHOLE = ["queued", "running", *map(str, range(EPOCHS + 1)), "succeeded", "end"]


@pytest.mark.parametrize("seed", range(4))
def test_no_event_is_lost_or_told_twice_over_cut_connections(
    stack: Stack, client: Subgrad, seed: int
) -> None:
    draw = random.Random(seed)
    job = client.jobs.create(SMALL | {"epochs": EPOCHS})
    if seed % 2:  # all of it at once, and not as it happens
        client.jobs.wait(job.id)
    allowed = [draw.randrange(1, 3000) for _ in range(12)]
    retries = Retries(most=20, first_pause_s=0.001, longest_pause_s=0.002)
    with (
        CuttingProxy.before(stack.settings.port, allowed) as proxy,
        Subgrad(proxy.url, retries=retries) as cut,
    ):
        told = [story(event.data) for event in cut.jobs.events(job.id)]
    assert told == WHOLE
    assert proxy.cuts >= 3


@pytest.mark.parametrize("seed", range(2))
def test_no_state_of_a_sweep_is_told_twice_over_cut_connections(
    stack: Stack, client: Subgrad, seed: int
) -> None:
    draw = random.Random(seed)
    axes = {"seed": {"range": 12}, "batch_size": [16, 32]}
    sweep = client.sweeps.create({"base": SMALL | {"epochs": EPOCHS}, "axes": axes})
    # The first before there can be an end, however soon the members are trained.
    allowed = [draw.randrange(1, 600), *(draw.randrange(1, 2000) for _ in range(11))]
    retries = Retries(most=20, first_pause_s=0.001, longest_pause_s=0.002)
    with (
        CuttingProxy.before(stack.settings.port, allowed) as proxy,
        Subgrad(proxy.url, retries=retries) as cut,
    ):
        told = list(cut.sweeps.events(sweep.id))
    assert [event.kind for event in told] == ["progress"] * (len(told) - 1) + ["end"]
    ids = [event.id for event in told]
    assert len(set(ids)) == len(ids)
    assert [event.data.progress for event in told] == sorted(event.data.progress for event in told)
    assert told[-1].data.counts.succeeded == told[-2].data.counts.succeeded == 24
    assert proxy.cuts >= 1


def test_a_stream_goes_on_from_a_given_event(client: Subgrad) -> None:
    job = client.jobs.wait(client.jobs.create(SMALL).id)
    events = list(client.jobs.events(job.id))
    for i, event in enumerate(events):
        assert list(client.jobs.events(job.id, last_event_id=event.id)) == events[i + 1 :]


def test_everything_awaited(url: str) -> None:
    async def use() -> None:
        async with AsyncSubgrad(url) as client:
            assert (await client.health()).ready
            specs = [SMALL | {"name": "awaited", "seed": seed} for seed in range(3)]
            jobs = await asyncio.gather(*[client.jobs.create(spec) for spec in specs])
            ended = await asyncio.gather(*[client.jobs.wait(job.id) for job in jobs])
            assert {job.status for job in ended} == {JobStatus.SUCCEEDED}
            found = [job.id async for job in client.jobs.list(name="awaited", page_size=1)]
            assert sorted(found) == sorted(job.id for job in jobs)
            told = [story(event.data) async for event in client.jobs.events(jobs[0].id)]
            assert told == ["queued", "running", "0", "1", "2", "3", "succeeded", "end"]
            assert (await client.jobs.create(SMALL, dry_run=True)).steps > 0
            sweep = await client.sweeps.create(SWEEP)
            assert (await client.sweeps.wait(sweep.id)).counts.succeeded == 6
            with pytest.raises(NotFound):
                await client.jobs.get("job_0")
            job = await client.jobs.create(LONG)
            with pytest.raises(StillRunning):
                await client.jobs.wait(job.id, timeout_s=0)
            await client.jobs.cancel(job.id)

    asyncio.run(use())


def test_streams_that_are_left_early_close(url: str) -> None:
    async def leave() -> str:
        async with AsyncSubgrad(url) as client:
            job = await client.jobs.create(LONG)
            events = client.jobs.events(job.id)
            async with contextlib.aclosing(events) as open_events:
                async for event in open_events:
                    if event.kind == "epoch":
                        break
            return (await client.jobs.cancel(job.id)).id

    job_id = asyncio.run(leave())
    with Subgrad(url) as client:
        for event in client.jobs.events(job_id):
            if event.kind == "status":
                break
        assert client.jobs.wait(job_id).status is JobStatus.CANCELLED
