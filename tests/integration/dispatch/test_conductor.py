"""Studies advance by rounds, whoever dies in between, and end."""

import math
import threading

import pytest
from sqlalchemy import update

from service.db import Database, jobs, studies, study_moves, sweeps
from service.db.study_tables import StudyRow
from service.dispatch import conductor
from service.domain.errors import MoveRefused, ReportNotWritten
from service.domain.findings import Verdict
from service.domain.states import JobStatus, Outcome, Reason
from service.studies import MOST_ROUNDS
from service.studies.reports import as_html, as_markdown, report_on
from tests.integration.db import record
from tests.integration.dispatch.stepping import (
    Counting,
    advance,
    evidence,
    find,
    findings,
    jobs_of,
    lapse,
    post,
    take,
    train,
)

pytestmark = pytest.mark.usefixtures("counting")


def test_a_study_posts_its_jobs_waits_for_them_and_concludes(database: Database) -> None:
    study_id = post(database)
    assert find(database, study_id).status is JobStatus.QUEUED
    assert advance(database)
    posted = find(database, study_id)
    assert (posted.status, posted.rounds, posted.counts.queued) == (JobStatus.RUNNING, 1, 3)
    assert not advance(database), "its jobs have not ended"

    train(database, jobs_of(database, study_id))
    assert advance(database)
    ended = find(database, study_id)
    assert (ended.status, ended.verdict, ended.progress) == (
        JobStatus.SUCCEEDED,
        Verdict.SUPPORTED,
        1.0,
    )
    assert ended.finished_at is not None
    (statement,) = findings(database, study_id).statements
    assert statement.estimate.value == pytest.approx(0.51)
    assert not advance(database)


def test_jobs_and_sweeps_are_the_studys_and_its_owners(database: Database) -> None:
    study_id = post(database)
    with database.writing() as session:
        session.execute(update(StudyRow).values(owner="lab", priority=7))
    advance(database)
    (sweep_id,) = find(database, study_id).sweeps.values()
    owners = record.rows(database, "SELECT DISTINCT owner, sweep_id, precedence FROM jobs")
    assert owners == [("lab", sweep_id, -7)]
    wanted = sweeps.SweepFilter(study_id=study_id)
    with database.reading() as session:
        found = sweeps.list_newest_first(session, wanted, before_id=None, limit=5)
    assert [one.name for one in found] == ["counting/round-1"]


def test_follow_ups_are_posted_round_by_round(database: Database, counting: Counting) -> None:
    counting.rounds = 3
    study_id = post(database)
    for done in (1, 2, 3):
        assert advance(database)
        assert find(database, study_id).rounds == done
        train(database, jobs_of(database, study_id)[-3:])
    assert advance(database)
    ended = find(database, study_id)
    assert list(ended.sweeps) == ["round-1", "round-2", "round-3"]
    assert (ended.status, ended.counts.succeeded) == (JobStatus.SUCCEEDED, 9)


def test_conductors_side_by_side_post_a_round_once(database: Database) -> None:
    study_ids = [post(database) for _ in range(4)]
    together = threading.Barrier(4)

    def run() -> None:
        together.wait()
        while advance(database):
            pass

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(jobs_of(database, one)) for one in study_ids] == [3] * 4
    assert {find(database, one).rounds for one in study_ids} == {1}


def test_a_conductor_that_died_before_posting_is_replaced(database: Database) -> None:
    study_id = post(database)
    dead = take(database)
    assert dead is not None
    assert not advance(database), "somebody holds it"
    lapse(database)
    assert advance(database)
    with database.writing() as session:  # it was only slow, and comes back
        assert not study_moves.post_round(session, dead, [], max_queued=1000)
        assert not study_moves.renew(session, dead, lease_s=60)
    found = find(database, study_id)
    assert (found.rounds, found.counts.total) == (1, 3)


def test_a_conductor_that_died_while_concluding_is_replaced(database: Database) -> None:
    study_id = post(database)
    advance(database)
    train(database, jobs_of(database, study_id))
    dead = take(database)
    assert dead is not None
    lapse(database)
    assert advance(database)
    assert find(database, study_id).status is JobStatus.SUCCEEDED
    first = findings(database, study_id)
    late = conductor.conclude(dead, evidence(database, study_id))
    with database.writing() as session:
        assert not study_moves.conclude(session, dead, late)
    assert findings(database, study_id) == first


def test_a_conclusion_that_ends_processes_fails_the_study(database: Database) -> None:
    study_id = post(database)
    advance(database)
    train(database, jobs_of(database, study_id))
    for _ in range(study_moves.MOST_FAILURES):
        assert take(database) is not None
        lapse(database)
    assert not advance(database)
    failed = find(database, study_id)
    assert (failed.status, failed.reason) == (JobStatus.FAILED, Reason.INTERNAL)
    assert "again and again" in (failed.detail or "")
    assert failed.counts.succeeded == 3, "the jobs are untouched"


def test_a_template_that_fails_is_not_tried_for_ever(
    database: Database, counting: Counting
) -> None:
    counting.fault = ZeroDivisionError("nothing to divide by")
    study_id = post(database)
    advance(database)
    train(database, jobs_of(database, study_id))
    tries = 0
    while find(database, study_id).status is JobStatus.RUNNING:
        lapse(database)
        advance(database)
        tries += 1
        assert tries <= study_moves.MOST_FAILURES + 1
    failed = find(database, study_id)
    assert (failed.status, failed.detail) == (
        JobStatus.FAILED,
        "ZeroDivisionError: nothing to divide by",
    )
    with database.reading() as session, pytest.raises(ReportNotWritten):
        studies.read_findings(session, study_id)


def test_a_template_that_never_concludes_fails(database: Database, counting: Counting) -> None:
    counting.rounds = MOST_ROUNDS + 1
    study_id = post(database)
    with database.writing() as session:
        session.execute(update(StudyRow).values(rounds=MOST_ROUNDS))
    for _ in range(study_moves.MOST_FAILURES + 1):
        advance(database)
        lapse(database)
    assert "follows up" in (find(database, study_id).detail or "")
    assert jobs_of(database, study_id) == []


def test_a_full_queue_puts_a_round_off(database: Database) -> None:
    study_id = post(database)
    for _ in range(study_moves.MOST_FAILURES + 1):
        assert advance(database, max_queued=2)
        lapse(database)
    waiting = find(database, study_id)
    assert (waiting.status, waiting.rounds, waiting.counts.total) == (JobStatus.QUEUED, 0, 0)
    assert advance(database, max_queued=3)
    assert find(database, study_id).counts.queued == 3


def test_cancelling_ends_the_study_and_its_jobs(database: Database) -> None:
    study_id = post(database)
    advance(database)
    running = jobs_of(database, study_id)[0]
    record.take(database, running)
    with database.writing() as session:
        cancelled = studies.cancel(session, study_id)
    assert (cancelled.status, cancelled.reason) == (JobStatus.CANCELLED, Reason.USER)
    assert (cancelled.counts.cancelled, cancelled.counts.running) == (2, 1)
    assert record.find(database, running).cancel_requested_at is not None
    with database.writing() as session, pytest.raises(MoveRefused):
        studies.cancel(session, study_id)
    assert not advance(database)


def test_a_conductor_cannot_go_on_with_a_cancelled_study(database: Database) -> None:
    study_id = post(database)
    held = take(database)
    assert held is not None
    with database.writing() as session:
        studies.cancel(session, study_id)
    with database.writing() as session:
        assert not study_moves.post_round(session, held, [], max_queued=1000)
    assert find(database, study_id).status is JobStatus.CANCELLED


def test_failed_diverged_and_deleted_jobs_are_told_and_never_averaged(database: Database) -> None:
    study_id = post(database, seeds=5)
    advance(database)
    ids = jobs_of(database, study_id)
    train(database, ids[:2])
    train(database, ids[2:3], status=JobStatus.FAILED)
    train(database, ids[3:4], loss=math.nan, outcome=Outcome.DIVERGED)
    train(database, ids[4:])
    record.remove(database, ids[4])
    assert advance(database)
    (statement,) = findings(database, study_id).statements
    assert statement.estimate.excluded == {"diverged": 1, "failed": 1}
    assert statement.estimate.n == 2
    assert statement.verdict is Verdict.INCONCLUSIVE, "half of the seeds have no value"


def test_a_study_all_of_whose_jobs_failed_is_inconclusive(database: Database) -> None:
    study_id = post(database)
    advance(database)
    train(database, jobs_of(database, study_id), status=JobStatus.FAILED)
    assert advance(database)
    (statement,) = findings(database, study_id).statements
    assert (statement.estimate.value, statement.estimate.n) == (None, 0)
    assert find(database, study_id).verdict is Verdict.INCONCLUSIVE


def test_the_same_jobs_make_the_same_report_byte_for_byte(database: Database) -> None:
    study_id = post(database)
    advance(database)
    train(database, jobs_of(database, study_id))
    held = take(database)
    assert held is not None
    study = find(database, study_id)
    texts = set()
    for _ in range(2):
        report = report_on(study, conductor.conclude(held, evidence(database, study_id)))
        texts.add((report.model_dump_json(), as_markdown([report]), as_html([report])))
    assert len(texts) == 1
    with database.writing() as session:
        study_moves.conclude(session, held, report.findings)
    assert findings(database, study_id) == report.findings, "stored and read back"


def test_evidence_is_what_the_jobs_measured(database: Database) -> None:
    study_id = post(database)
    advance(database)
    (first, *_) = ids = jobs_of(database, study_id)
    held = record.take(database, first)
    for at, loss in enumerate((1.0, math.inf)):
        event = record.epoch(first, at, layers=2, train_loss=loss, kink_hits=at)
        record.record(database, held, event)
    runs = evidence(database, study_id).runs("round-1")
    assert [run.job_id for run in runs] == ids
    assert [run.seed for run in runs] == [0, 1, 2]
    assert runs[0].epochs("train_loss") == [1.0, math.inf]
    assert runs[0].epochs("train_metric") == [None, None]
    assert runs[0].last("kink_hits") == 1
    assert runs[0].layers("units") == [4, 4]
    assert runs[0].layers("units", epoch=7) == []
    assert runs[0].units(1).dead == [[False, True], [False, True]]
    assert list(runs[0].units(1).activity[1]) == [0.5, 0.0]
    assert runs[1].epochs("train_loss") == []
    with pytest.raises(ValueError, match="not measured"):
        runs[0].epochs("los")


def test_a_job_of_a_study_can_be_found_by_it(database: Database) -> None:
    study_id = post(database)
    advance(database)
    wanted = jobs.JobFilter(study_id=study_id)
    with database.reading() as session:
        found = jobs.list_newest_first(session, wanted, before_id=None, limit=10)
    assert len(found) == 3
    assert {one.study_id for one in found} == {study_id}
