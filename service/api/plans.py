"""Answering a dry run: what was posted is checked and counted, and nothing is stored."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, ValidationError

from service.db import Database, throughput, workers
from service.db.throughput import FinishedEpoch
from service.domain.spec import JobSpec
from service.planning import Pace, TrainedEpoch
from service.settings import Settings

DryRun = Annotated[
    bool, Query(description="Answer with the plan, 200, and store nothing; the key is not used")
]


def planned(model: type[BaseModel], example: Any) -> dict[int | str, dict[str, Any]]:
    """The answer to a dry run, for the API's document."""
    content = {"application/json": {"example": example}}
    return {
        HTTPStatus.OK: {"model": model, "content": content, "description": "The plan (dry run)"}
    }


def answer_plan(plan: BaseModel) -> Response:
    return Response(plan.model_dump_json(), media_type="application/json")


def look_back(database: Database, settings: Settings) -> tuple[Pace, int]:
    """How fast this installation trains, and in how many slots at a time."""
    with database.reading() as session:
        finished = throughput.newest_finished(session)
        slots = workers.live_slots(session, within_s=settings.lease_s)
    trained = [one for one in map(_read, finished) if one is not None]
    return Pace(trained), max(slots, 1)


def _read(finished: FinishedEpoch) -> TrainedEpoch | None:
    try:
        spec = JobSpec.model_validate(finished.spec)
    except ValidationError:  # of a version that knew other fields
        return None
    device = str(finished.environment.get("device", ""))
    threads = finished.environment.get("threads")
    # Threads are lanes on a processor; a graphics card trains stack after stack.
    lanes = threads if device == "cpu" and isinstance(threads, int) else 1
    return TrainedEpoch(spec=spec, seconds=finished.seconds, device=device, lanes=max(lanes, 1))
