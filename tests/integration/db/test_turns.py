"""Whose turn it is: priority, then fairness between owners, then age; and how many may wait."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from service.db import Database, claims, jobs, outbox, turns
from service.domain.errors import QueueFull
from service.domain.spec import WITHOUT_GPU
from service.domain.states import JobStatus, Reason
from tests.integration.db.record import LEASE_S, find, finish, hand_back, lapse, queue, reap
from tests.specs import job_spec


def post(database: Database, *, owner: str = "ada", priority: int = 0, batch_size: int = 4) -> str:
    with database.writing() as session:
        spec = job_spec(batch_size=batch_size)
        return jobs.submit(session, spec, [], owner=owner, priority=priority).id


def take_next(database: Database, *, limit: int = 1, per_owner: int = 0) -> dict[str, int]:
    with database.writing() as session:
        claimed = claims.claim_next(
            session, worker_id="wrk_1", limit=limit, lease_s=LEASE_S, per_owner=per_owner
        )
    return {one.job_id: one.attempt for one in claimed}


def test_nobody_waits_where_nothing_is_queued(database: Database) -> None:
    with database.reading() as session:
        assert not turns.anything_waits(session)
    assert take_next(database) == {}


def test_the_oldest_goes_first_among_equals(database: Database) -> None:
    made = [post(database) for _ in range(3)]
    assert [next(iter(take_next(database))) for _ in made] == made


def test_the_highest_priority_goes_first(database: Database) -> None:
    low, middle, high = (post(database, priority=priority) for priority in (-3, 0, 5))
    taken = [next(iter(take_next(database))) for _ in range(3)]
    assert taken == [high, middle, low]
    assert find(database, high).priority == 5


def test_a_cohort_holds_one_priority(database: Database) -> None:
    post(database, priority=0)
    high = [post(database, priority=1) for _ in range(2)]
    assert list(take_next(database, limit=10)) == high


def test_one_owners_thousand_jobs_do_not_hold_up_anothers_one(database: Database) -> None:
    many = [post(database, owner="ada", batch_size=size) for size in range(1, 6)]
    one = post(database, owner="grace", batch_size=9)
    first = take_next(database)
    finish(database, first)
    second = take_next(database)
    finish(database, second)
    assert [*first, *second] == [many[0], one]


def test_the_owner_with_fewer_running_jobs_goes_first(database: Database) -> None:
    for size in (1, 2):
        post(database, owner="ada", batch_size=size)
    grace = [post(database, owner="grace", batch_size=size) for size in (3, 4)]
    ran = take_next(database)  # ada's
    finish(database, take_next(database))  # grace's first
    assert ran
    assert list(take_next(database)) == [grace[1]]


def test_owners_share_a_cohort_by_turns(database: Database) -> None:
    ada = [post(database, owner="ada") for _ in range(4)]
    grace = [post(database, owner="grace") for _ in range(4)]
    assert sorted(take_next(database, limit=4)) == sorted(ada[:2] + grace[:2])


def test_no_owner_runs_more_jobs_than_the_limit(database: Database) -> None:
    ada = [post(database, owner="ada") for _ in range(5)]
    grace = [post(database, owner="grace") for _ in range(2)]
    held = take_next(database, limit=10, per_owner=3)
    assert sorted(held) == sorted(ada[:3] + grace)
    assert take_next(database, limit=10, per_owner=3) == {}
    finish(database, {ada[0]: 1})
    assert list(take_next(database, limit=10, per_owner=3)) == [ada[3]]


def test_claims_at_once_keep_to_the_limit(database: Database) -> None:
    for size in range(1, 21):
        post(database, batch_size=size)
    together = Barrier(4)

    def claim_some(_: int) -> int:
        together.wait()
        return sum(len(take_next(database, limit=2, per_owner=5)) for _ in range(4))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(claim_some, range(4))) == 5


def test_a_job_in_a_cancel_is_passed_over(postgresql_url: str) -> None:
    # SQLite admits one writer at a time, so there the two cannot meet.
    database = Database(postgresql_url)
    unwanted, other = post(database), post(database, batch_size=9)
    with database.writing() as cancelling:
        jobs.cancel(cancelling, unwanted)
        assert list(take_next(database)) in ([], [other])
    assert find(database, unwanted).status is JobStatus.CANCELLED
    database.dispose()


def test_over_the_limit_nothing_is_stored(database: Database) -> None:
    for _ in range(2):
        queue(database)
    with pytest.raises(QueueFull, match="2 jobs wait already"), database.writing() as session:
        jobs.submit(session, job_spec(), [], max_queued=2)
    finish(database, take_next(database))
    with database.writing() as session:
        jobs.submit(session, job_spec(), [], max_queued=2)
        with pytest.raises(QueueFull):
            turns.check_room(session, max_queued=4, adding=3)


def lose(database: Database, held: dict[str, int], *, max_attempts: int = 3) -> None:
    with database.writing() as session:
        claims.lose(
            session,
            held,
            reason=Reason.WORKER_LOST,
            detail="signal 11",
            max_attempts=max_attempts,
        )


def test_a_crashing_cohort_is_split_until_the_culprit_is_alone(database: Database) -> None:
    made = [post(database) for _ in range(16)]
    culprit, sizes = made[11], []
    while held := take_next(database, limit=64):
        sizes.append(len(held))
        if culprit in held:
            lose(database, held)
        else:
            finish(database, held)
    states = {job_id: find(database, job_id) for job_id in made}
    assert states.pop(culprit).status is JobStatus.FAILED
    assert {job.status for job in states.values()} == {JobStatus.SUCCEEDED}
    assert sizes[:2] == [16, 8]
    assert sizes.count(1) >= 3


def test_a_newcomer_does_not_train_with_a_suspect(database: Database) -> None:
    suspects = [post(database) for _ in range(4)]
    lose(database, take_next(database, limit=4))
    newcomer = post(database)
    assert list(take_next(database, limit=64)) == suspects[:2]
    assert list(take_next(database, limit=64)) == suspects[2:]
    assert list(take_next(database, limit=64)) == [newcomer]


def test_the_last_try_after_lost_workers_is_made_alone(database: Database) -> None:
    made = [post(database) for _ in range(8)]
    sizes = []
    for _ in range(2):
        held = take_next(database, limit=64)
        sizes.append(len(held))
        while len(held) < 8:
            held |= take_next(database, limit=64)
        lapse(database, *held)
        reap(database)
    assert sizes == [8, 4]
    last = [take_next(database, limit=64) for _ in made]
    assert [len(one) for one in last] == [1] * 8


def test_handing_back_splits_nothing(database: Database) -> None:
    made = [post(database) for _ in range(4)]
    hand_back(database, take_next(database, limit=4))
    assert list(take_next(database, limit=4)) == made


def test_a_worker_without_a_gpu_passes_over_jobs_that_need_one(database: Database) -> None:
    with database.writing() as session:
        needy, modest = (
            jobs.submit(session, job_spec(device=device), [], priority=priority).id
            for device, priority in (("cuda", 9), ("cpu", 0))
        )
    with database.writing() as session:
        assert turns.next_in_line(session, per_owner=0) == needy
        assert turns.next_in_line(session, per_owner=0, devices=WITHOUT_GPU) == modest
        claims.claim_next(session, worker_id="wrk_1", limit=9, lease_s=60.0, devices=WITHOUT_GPU)
        assert not turns.anything_waits(session, devices=WITHOUT_GPU)
        assert turns.anything_waits(session)
        assert outbox.needing_gpu(session, [needy, modest]) == {needy}
