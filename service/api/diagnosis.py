"""What went wrong with a job, and the trial of what might cure it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query

from service.api.dependencies import DatabaseDep, FindSizesDep, JobId, SettingsDep
from service.api.examples import diagnosis as examples
from service.api.openapi import answer_with, problems
from service.api.validation import describe_spec_errors
from service.db import Session, jobs, metrics, sweeps, treatments
from service.db.treatments import StoredTrial
from service.diagnosis import (
    EPOCH_NAMES,
    LAYER_NAMES,
    History,
    Member,
    PlannedArm,
    choose_arms,
    diagnose,
    plan_trial,
    quantities_of,
    read_trial,
    trial_seeds,
)
from service.domain.diagnosis import Diagnosis, Finding, Treatment, Trial
from service.domain.errors import MoveRefused
from service.domain.job import Job
from service.domain.states import JobStatus, Outcome
from service.planning import expand

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])


@router.post(
    "/diagnosis",
    responses={
        HTTPStatus.OK: answer_with(examples.DIAGNOSIS),
        **problems("job_not_found", "move_refused", "queue_full"),
    },
)
def diagnose_job(
    job_id: JobId,
    settings: SettingsDep,
    database: DatabaseDep,
    find_sizes: FindSizesDep,
    treat: Annotated[
        bool,
        Query(
            description="Also run the treatments as a sweep beside the patient, with the same "
            "seeds. Asked again, the answer shows the same sweep and, once it has ended, which "
            "treatments helped"
        ),
    ] = False,
) -> Diagnosis:
    """Diagnose a job that has ended: what went wrong, since when and where, and what would change
    it. A trial that was started before is reported, too. Nothing is stored unless a trial is
    started."""
    with database.reading() as session:
        history = _read(session, job_id)
        stored = treatments.find(session, history.job)
    findings = diagnose(history, settings.limits)
    arms = choose_arms(findings)
    if treat and stored is None and arms:
        sweep = plan_trial(job_id, history.job.spec, arms, settings.limits)
        found = expand(sweep, settings.limits, describe_spec_errors, find_sizes)
        with database.writing() as session:
            stored = treatments.start(
                session,
                history.job,
                [_as_stored(arm) for arm in arms],
                trial_seeds(history.job.spec),
                lambda owner: sweeps.submit(
                    session,
                    sweep,
                    [(member.spec, member.warnings) for member in found],
                    owner=owner,
                    max_queued=settings.max_queued_jobs,
                ),
            )
    trial = None
    if stored is not None:
        with database.reading() as session:
            trial = _trial(session, history.job, stored)
    return _answer(history, findings, trial)


def _read(session: Session, job_id: str) -> History:
    job = jobs.find(session, job_id)
    if not job.is_terminal:
        raise MoveRefused(
            f"The job is {job.status}, and a diagnosis is of a job that has ended. "
            f"GET /v1/jobs/{job_id}?wait=30 answers when it has."
        )
    return History(
        job=job,
        moves=jobs.status_changes(session, job_id),
        epochs=metrics.read_epochs(session, job_id, EPOCH_NAMES),
        layer_rows=metrics.read_layers(session, job_id, LAYER_NAMES),
    )


def _as_stored(arm: PlannedArm) -> dict[str, Any]:
    return {"treatment": arm.treatment.model_dump(mode="json"), "against": list(arm.against)}


def _trial(session: Session, job: Job, stored: StoredTrial) -> Trial:
    arms = [
        PlannedArm(
            treatment=Treatment.model_validate(arm["treatment"]), against=tuple(arm["against"])
        )
        for arm in stored.arms
    ]
    quantities = sorted({name for arm in arms for name in quantities_of(arm, job.spec)})
    members = {
        one.index: Member(
            job_id=one.job_id,
            succeeded=one.status is JobStatus.SUCCEEDED,
            diverged=one.outcome is Outcome.DIVERGED,
            values=one.values,
        )
        for one in treatments.members(session, stored.sweep_id, quantities)
    }
    sweep = sweeps.find(session, stored.sweep_id)
    return read_trial(job.spec, sweep, arms, stored.seeds, members)


def _answer(history: History, findings: Sequence[Finding], trial: Trial | None) -> Diagnosis:
    return Diagnosis(
        job_id=history.job.id,
        status=history.job.status,
        outcome=history.job.outcome,
        last_epoch=history.last_epoch,
        findings=list(findings),
        trial=trial,
    )
