"""How another thread tells a running training to stop. Knows no tensors."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StopRequest:
    """What was asked for since the last look."""

    members: frozenset[str]
    everything: bool


class Control:
    """Thread-safe wishes of the caller. `pending` is one attribute read, cheap enough to be
    looked at between any two steps; the lock is taken only when it is set."""

    def __init__(self) -> None:
        self.pending = False
        self.is_draining = False
        self._lock = threading.Lock()
        self._members: set[str] = set()
        self._everything = False

    def stop(self, member_id: str) -> None:
        """Drop one member. An id that is unknown or done already is ignored."""
        with self._lock:
            self._members.add(member_id)
            self.pending = True

    def stop_all(self) -> None:
        """Drop every member that is still training."""
        with self._lock:
            self._everything = True
            self.pending = True

    @property
    def is_over(self) -> bool:
        """Whether nobody is to train on: all the work that prepares it is in vain."""
        with self._lock:
            return self._everything

    def drain(self) -> None:
        """Finish the epoch at hand, save a checkpoint of every member, and stop."""
        self.is_draining = True

    def take(self) -> StopRequest:
        """The wishes since the last call; they are then forgotten."""
        with self._lock:
            request = StopRequest(members=frozenset(self._members), everything=self._everything)
            self._members.clear()
            self._everything = False
            self.pending = False
        return request
