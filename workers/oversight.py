"""Sees that each job of a cohort ends while a training process has it in hand."""

import threading
import time
from collections.abc import Sequence

import structlog

from service.domain.events import EndEvent, StoppedEvent
from service.domain.states import Reason
from service.observability.reporting import Reporter
from service.settings import Settings
from workers.leases import Holding
from workers.lifecycle import Exited, TrainingProcess
from workers.protocol import Drain, Notice, Stop
from workers.recorder import Recorder
from workers.silence import Silence
from workers.steps import StepCount

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.05
_MOST_PER_WRITE = 500
# A worker that stops has ten seconds for everything.
_DRAIN_GRACE_S = 3.0


class Oversight:
    """For all slots of a worker; it remembers nothing between two cohorts."""

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        reporter: Reporter,
        stopping: threading.Event,
    ) -> None:
        self._settings, self._recorder = settings, recorder
        self._reporter, self._stopping = reporter, stopping

    def oversee(self, process: TrainingProcess, holding: Holding) -> None:
        """Records what the process tells until no job of the cohort is held any more."""
        attempts = holding.attempts
        deadlines: dict[str, float] = {}  # by which a member has to be dropped
        drained_by: float | None = None  # by which all should have told their checkpoints
        steps = StepCount()
        silence = Silence(process.pid, self._settings.hang_s)
        while attempts:
            notices = process.take(_MOST_PER_WRITE, wait_s=_LOOK_EVERY_S)
            if notices:
                self._reporter.meters.count_steps(steps.add(notices))
                _keep_only(attempts, self._recorder.record(attempts, notices))
                for notice in notices:
                    if isinstance(notice, StoppedEvent | EndEvent) and notice.member:
                        deadlines.pop(notice.member, None)
                silence.restart()
            for member in self._let_go(holding):
                process.send(Stop(member=member))
                deadlines[member] = time.monotonic() + self._settings.cancel_grace_s
            if any(at < time.monotonic() for at in deadlines.values()):
                _log.warning("killing a training process that does not obey", pid=process.pid)
                process.kill()
                self._hand_back(attempts)
            elif attempts and silence.is_too_long():
                self._give_up_on(process, attempts)
            elif self._stopping.is_set() and drained_by is None:
                process.send(Drain())
                drained_by = time.monotonic() + _DRAIN_GRACE_S
            elif drained_by is not None and (_is_drained(notices) or drained_by < time.monotonic()):
                self._hand_back(attempts)
        process.send(Stop(member=None))

    def _let_go(self, holding: Holding) -> set[str]:
        """Ends what its users cancelled, and forgets what was lost; the training must drop both."""
        attempts = holding.attempts
        unwanted = holding.unwanted & attempts.keys()
        if unwanted:
            _keep_only(attempts, self._recorder.cancel(attempts, unwanted))
        lost = holding.lost & attempts.keys()
        if lost:
            _log.warning("lost to the reaper", jobs=sorted(lost))
            _keep_only(attempts, {job: attempts[job] for job in attempts.keys() - lost})
        return unwanted | lost

    def _give_up_on(self, process: TrainingProcess, attempts: dict[str, int]) -> None:
        _log.warning("killing a training process that hangs", pid=process.pid)
        process.kill()
        detail = f"The training process did nothing for {self._settings.hang_s:g} s."
        self._recorder.lose(attempts, Reason.TIMEOUT, detail)
        attempts.clear()

    def _hand_back(self, attempts: dict[str, int]) -> None:
        if attempts:
            self._recorder.hand_back(attempts)
            attempts.clear()


def _is_drained(notices: Sequence[Notice | Exited]) -> bool:
    """Whether the training has told its checkpoints and stopped."""
    return any(isinstance(one, StoppedEvent) and one.member is None for one in notices)


def _keep_only(attempts: dict[str, int], kept: dict[str, int]) -> None:
    """Changes `attempts` in place: the lease thread looks at the same dictionary."""
    for job in attempts.keys() - kept.keys():
        del attempts[job]
