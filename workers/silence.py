"""Notices a training process that hangs: it tells nothing, and does nothing.

Linux alone tells how much a process has done; elsewhere nobody is thought to hang. One that spins
is not noticed either: it cannot be told from one that trains, and a cancel ends it.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

_LOOK_EVERY_S = 1.0
_IDLE_SHARE = 0.005
"""Of a core: threads that wait for one another look up now and then."""


class Silence:
    """Of one process, since it was last heard of. `most_s`: how long it may last; 0: any time."""

    def __init__(
        self, pid: int, most_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pid, self._most_s, self._clock = pid, most_s, clock
        self.restart()

    def restart(self) -> None:
        """It has been heard of, or could not have been."""
        self._since = self._looks_at = self._clock()
        self._spent_s: float | None = None

    def is_too_long(self) -> bool:
        """Whether the process has neither been heard of nor done anything for so long."""
        now = self._clock()
        if not self._most_s or now < self._looks_at:
            return False
        self._looks_at = now + min(_LOOK_EVERY_S, self._most_s / 4)
        spent_s = processor_seconds(self._pid)
        if spent_s is None:
            return False
        if self._spent_s is None or spent_s - self._spent_s > _IDLE_SHARE * self._most_s:
            self._since, self._spent_s = now, spent_s
        return now - self._since > self._most_s


def processor_seconds(pid: int) -> float | None:
    """What the process has used of the processors since its start, all threads together, in steps
    of a hundredth of a second; None where nobody can say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is its name in parentheses, which may hold anything; then come the third on.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
