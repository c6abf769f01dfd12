"""Whether the service lives, and whether it can run jobs."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from service.api.dependencies import DatabaseDep, SettingsDep
from service.api.errors import ApiError
from service.api.openapi import answer_with, problems
from service.db import UNAVAILABLE, Database, workers
from service.domain.errors import FieldError
from service.settings import Settings

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Database, broker and at least one worker answer."""

    status: Literal["ready"] = "ready"


@router.get(
    "/healthz",
    responses={
        HTTPStatus.OK: {"description": "The process answers"} | answer_with({"status": "alive"}),
        **problems(),
    },
)
async def check_liveness() -> Alive:
    """Answer, without asking anybody else."""
    return Alive()


@router.get(
    "/readyz",
    responses={
        HTTPStatus.OK: {"description": "Jobs can run"} | answer_with({"status": "ready"}),
        **problems("not_ready"),
    },
)
def check_readiness(request: Request, settings: SettingsDep, database: DatabaseDep) -> Ready:
    """Check that a job posted now would be trained."""
    missing = list(_missing_in_database(settings, database))
    if not request.app.state.broker_answers(settings):
        detail = "the broker does not answer; see SUBGRAD_BROKER_URL"
        missing.append(FieldError(pointer="/broker", detail=detail))
    if missing:
        detail = "; ".join(f"{one.pointer}: {one.detail}" for one in missing)
        raise ApiError("not_ready", detail, missing)
    return Ready()


def _missing_in_database(settings: Settings, database: Database) -> Iterator[FieldError]:
    try:
        with database.reading() as session:
            worker_lives = workers.any_ready(session, within_s=settings.lease_s)
    except UNAVAILABLE:
        detail = "the database does not answer; see SUBGRAD_DATABASE_URL"
        yield FieldError(pointer="/database", detail=detail)
        return
    if not worker_lives:
        detail = f"no worker that can take jobs was heard of for {settings.lease_s:g} s"
        yield FieldError(pointer="/worker", detail=detail)
