"""The weights that a job ended with."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from service.api.dependencies import DatabaseDep, JobId, StoreDep
from service.api.examples import files
from service.api.openapi import problems
from service.artifacts import read
from service.db import checkpoints, jobs
from service.domain.errors import WeightsNotKept

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])

MEDIA_TYPE = "application/octet-stream"


@router.get(
    "/weights",
    response_class=Response,
    responses={
        HTTPStatus.OK: {
            "description": "The final weights in the safetensors format: `0.weight` "
            "[outputs, inputs], `0.bias`, … named and shaped as PyTorch's layers have them",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"type": "string", "format": "binary"},
                    "examples": files.WEIGHTS,
                }
            },
        },
        **problems("job_not_found", "weights_not_kept", "artifact_lost", "artifacts_unavailable"),
    },
)
def read_weights(job_id: JobId, database: DatabaseDep, store: StoreDep) -> Response:
    """Download the weights that a job ended with."""
    with database.reading() as session:
        status = jobs.find(session, job_id).status
    payload = read(database, store, lambda session: checkpoints.read_weights(session, job_id))
    if payload is None:
        raise WeightsNotKept(job_id, status)
    disposition = f'attachment; filename="{job_id}.safetensors"'
    return Response(payload, media_type=MEDIA_TYPE, headers={"Content-Disposition": disposition})
