"""What has come from a training process and waits to be recorded."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 2000
# Of an epoch some hundred bytes, of a checkpoint or of weights megabytes each.
_MOST_BYTES = 64 << 20


class Inbox(Generic[T]):
    """A queue that holds at most so many items and so many bytes; a larger item, alone.

    A full one stops the reader, then the pipe, then the training itself: a slow database slows
    training down instead of filling the memory.
    """

    def __init__(self, *, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether not even a byte more is let in."""
        return not self._has_room(1)

    @property
    def size(self) -> int:
        """Bytes of what waits."""
        return self._bytes

    def put(self, item: T, *, size: int) -> None:
        """Waits until there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(size))
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        if not self._items:
            return True
        return len(self._items) < self.most and self._bytes + size <= self.most_bytes

    def take(self, most: int, *, wait_s: float) -> list[T]:
        """What there is, or nothing after the wait: the oldest first, and never more bytes than
        fit."""
        with self._changed:
            self._changed.wait_for(lambda: self._items, timeout=wait_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(size for _, size in taken)
            self._changed.notify_all()
        return [item for item, _ in taken]
