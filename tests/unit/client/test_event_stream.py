"""Server-sent events out of bytes, wherever these were split."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from service.client.event_stream import Message, Parser

STREAM = (
    ": a comment\n\n"
    'event: status\ndata: {"status":"läuft"}\nid: 1-\n\n'
    "event: epoch\r\ndata:one\r\ndata: two\r\nid: 1-0\r\n\r\n"
    "id: 9-9\n\n"
    "event: end\rdata: {}\rid: 1-0-end\r\r"
    "event: cut\ndata: never ended"
).encode()

MESSAGES = [
    Message(kind="status", id="1-", data='{"status":"läuft"}'),
    Message(kind="epoch", id="1-0", data="one\ntwo"),
    Message(kind="end", id="1-0-end", data="{}"),
]


def read(chunks: list[bytes]) -> list[Message]:
    parser = Parser()
    return [message for chunk in chunks for message in parser.feed(chunk)]


def test_events_are_read_and_one_that_was_cut_is_none() -> None:
    assert read([STREAM]) == MESSAGES


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_chunks_may_end_anywhere(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(ends)]
    assert read(chunks) == MESSAGES


def test_a_separator_of_unicode_ends_no_line() -> None:
    (message,) = read(["data: a\u2028b\x85c\n\n".encode()])
    assert message.data == "a\u2028b\x85c"
