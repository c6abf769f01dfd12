"""How much memory a process holds, and whether the kernel's memory killer has struck.

Linux alone tells; elsewhere nothing is known, and a killed process is just a lost one.
"""

from pathlib import Path

_CGROUP_EVENTS = (
    Path("/sys/fs/cgroup/memory.events"),  # cgroup v2
    Path("/sys/fs/cgroup/memory/memory.oom_control"),  # v1
)
_MACHINE_EVENTS = Path("/proc/vmstat")


def resident_bytes(pid: int) -> int:
    """Memory of the process that is in RAM; 0 where nobody can say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:")),
        0,
    )


class MemoryKiller:
    """Remembers how often the kernel had killed for memory, to see whether it did so since."""

    def __init__(self, counters: tuple[Path, ...] = (*_CGROUP_EVENTS, _MACHINE_EVENTS)) -> None:
        self._counters = counters
        self._before = self._count()

    def has_struck(self) -> bool:
        """Whether it killed anything since this was made: in our control group, or, as far as
        the machine tells, anywhere on it."""
        return self._count() > self._before

    def _count(self) -> int:
        """The first of the counters that can be read."""
        for file in self._counters:
            try:
                lines = file.read_text().splitlines()
            except OSError:
                continue
            counts = [line.split()[1] for line in lines if line.split()[:1] == ["oom_kill"]]
            if counts:
                return int(counts[0])
        return 0
