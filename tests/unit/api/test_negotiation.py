"""The Accept header, by the rules of RFC 9110."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.errors import ApiError
from service.api.negotiation import choose

OFFERED = ("application/json", "text/csv", "application/vnd.apache.parquet")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/csv; header=present", "text/csv"),
        ("text/*", "text/csv"),
        ("application/*", "application/json"),
        ("text/csv, application/json", "application/json"),
        ("text/csv;q=0.9, application/json;q=0.8", "text/csv"),
        ("application/json;q=0.5, */*", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("text/*;q=0, */*;q=0.1", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/vnd.apache.parquet, */*;q=0.1", "application/vnd.apache.parquet"),
    ],
)
def test_the_preferred_form_is_chosen(accept: str | None, chosen: str) -> None:
    assert choose(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["image/png", "text/html", "text/csv;q=0", "application/json;q=x", "json", ",", "*"]
)
def test_where_nothing_fits_that_is_told(accept: str) -> None:
    with pytest.raises(ApiError) as refusal:
        choose(accept, OFFERED)
    assert refusal.value.code == "not_acceptable"
    assert "text/csv" in refusal.value.detail


@given(st.text())
def test_any_header_is_answered_or_refused(accept: str) -> None:
    with contextlib.suppress(ApiError):
        assert choose(accept, OFFERED) in OFFERED
