"""Identifiers: prefixed UUIDv7 that sort by the time they were made."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.domain.ids import is_id, new_id


def test_an_id_is_its_prefix_and_a_uuid_of_version_7() -> None:
    prefix, digits = new_id("job").split("_")
    made = uuid.UUID(hex=digits)
    assert prefix == "job"
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    milliseconds = uuid.UUID(hex=new_id("job")[4:]).int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000 + 1


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id("job") for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_sort_even_where_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id("job")
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert before < new_id("job") < new_id("job")


def test_threads_make_different_ids() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id("job"), range(4000)))
    assert len(set(made)) == 4000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job_",
        "job_123",
        "swp_" + "0" * 32,
        "job_" + "0" * 33,
        "job_" + "0" * 32 + "\n",
        "job_" + "A" * 32,
        "job_" + "g" * 32,
        "job" + "0" * 32,
        "job_" + "٣" * 32,
    ],
)
def test_what_has_another_form_is_no_job_id(text: str) -> None:
    assert not is_id(text, "job")


def test_what_new_id_makes_is_an_id_of_its_kind_alone() -> None:
    assert is_id(new_id("swp"), "swp")
    assert not is_id(new_id("swp"), "job")
