"""What a supervisor holds of its training process: bounded by number and by bytes."""

import threading
import time

from tests.stack import wait_for
from workers.inbox import Inbox

MEGABYTE = 1 << 20


def test_items_leave_in_order_and_no_more_than_asked_for() -> None:
    inbox: Inbox[int] = Inbox()
    for number in range(5):
        inbox.put(number, size=10)
    assert inbox.take(3, wait_s=0) == [0, 1, 2]
    assert (len(inbox), inbox.size) == (2, 20)
    assert inbox.take(3, wait_s=0) == [3, 4]
    assert inbox.take(3, wait_s=0) == []


def test_who_puts_waits_for_room_in_bytes() -> None:
    inbox: Inbox[int] = Inbox(most=100, most_bytes=10 * MEGABYTE)

    def fill() -> None:
        for number in range(20):
            inbox.put(number, size=4 * MEGABYTE)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    wait_for(lambda: len(inbox) == 2, what="two are in")
    taken: list[int] = []
    while len(taken) < 20:
        assert inbox.size <= inbox.most_bytes
        batch = inbox.take(100, wait_s=1)
        assert len(batch) <= 2
        taken += batch
    thread.join(5)
    assert taken == list(range(20))


def test_one_that_is_larger_than_all_room_passes_alone() -> None:
    inbox: Inbox[str] = Inbox(most_bytes=MEGABYTE)
    inbox.put("small", size=1)
    thread = threading.Thread(target=inbox.put, args=["large"], kwargs={"size": 5 * MEGABYTE})
    thread.start()
    assert inbox.take(9, wait_s=0) == ["small"]
    thread.join(5)
    assert inbox.is_full
    assert inbox.take(9, wait_s=0) == ["large"]


def test_who_takes_waits_for_something_no_longer_than_it_said() -> None:
    inbox: Inbox[int] = Inbox()
    began = time.monotonic()
    assert inbox.take(1, wait_s=0.05) == []
    assert time.monotonic() - began >= 0.05
    threading.Timer(0.05, inbox.put, [1], {"size": 1}).start()
    assert inbox.take(1, wait_s=10) == [1]
