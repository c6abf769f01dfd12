"""Cursors and positions: what goes out comes back, and nothing else is let in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.errors import ApiError
from service.api.events import Position
from service.api.pagination import decode_cursor, encode_cursor
from service.db.jobs import JobFilter
from service.domain.ids import new_id

_NAMES = st.none() | st.text()


@given(name=_NAMES)
def test_a_cursor_comes_back_under_its_filters(name: str | None) -> None:
    last, wanted = new_id("job"), JobFilter(name=name)
    assert decode_cursor(encode_cursor(last, wanted), wanted, "job") == last


@given(name=_NAMES, other=_NAMES)
def test_a_cursor_is_bound_to_its_filters(name: str | None, other: str | None) -> None:
    if name == other:
        return
    cursor = encode_cursor(new_id("job"), JobFilter(name=name))
    with pytest.raises(ApiError):
        decode_cursor(cursor, JobFilter(name=other), "job")


@given(st.text())
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(ApiError):
        decode_cursor(text, JobFilter(), "job")


@given(seq=st.integers(0, 999_999_999), epoch=st.integers(-1, 999_999_999), ended=st.booleans())
def test_a_position_comes_back(seq: int, epoch: int, ended: bool) -> None:
    position = Position(seq=seq, epoch=epoch, ended=ended)
    assert Position.parse(str(position)) == position


@given(st.text())
def test_any_other_text_is_no_position(text: str) -> None:
    position = Position.parse(text)
    assert position is None or int(text.split("-", maxsplit=1)[0]) == position.seq
