"""The table of allowed moves."""

from service.domain.states import ALLOWED_MOVES, RETRIABLE, TERMINAL, JobStatus, Reason


def test_every_state_has_its_row() -> None:
    assert set(ALLOWED_MOVES) == set(JobStatus)


def test_an_ended_job_goes_nowhere_but_back_to_the_queue() -> None:
    for status in TERMINAL:
        back = {JobStatus.QUEUED} if status in RETRIABLE else set()
        assert ALLOWED_MOVES[status] == back
    assert {JobStatus.SUCCEEDED} == TERMINAL - RETRIABLE


def test_every_state_is_reached_from_the_queue() -> None:
    reached, new = set(), {JobStatus.QUEUED}
    while new:
        reached |= new
        new = {move for status in new for move in ALLOWED_MOVES[status]} - reached
    assert reached == set(JobStatus)


def test_only_running_jobs_succeed() -> None:
    sources = {status for status, moves in ALLOWED_MOVES.items() if JobStatus.SUCCEEDED in moves}
    assert sources == {JobStatus.RUNNING}


def test_the_design_names_these_states_and_reasons() -> None:
    assert [*JobStatus] == ["queued", "running", "succeeded", "failed", "cancelled"]
    ends = {"worker_lost", "out_of_memory", "timeout", "user", "invalid_data", "internal"}
    assert ends <= {*Reason}
