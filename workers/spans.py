"""The spans of a cohort's training, one a member, each in the trace of the request that made its
job."""

from service.domain.events import EndEvent, EpochEvent, FailedEvent, StoppedEvent, TrainingEvent
from service.observability import tracing
from workers.protocol import Train


class MemberSpans:
    """From when the training process takes the cohort up until the end of each member."""

    def __init__(self, command: Train) -> None:
        self._open = {
            one.id: tracing.start(
                "train",
                parent=one.traceparent,
                attributes={
                    "subgrad.job": one.id,
                    "subgrad.attempt": one.attempt,
                    "subgrad.cohort": command.cohort,
                    "subgrad.cohort_size": len(command.members),
                },
            )
            for one in (command.members if tracing.is_on() else [])
        }

    def hear(self, event: TrainingEvent) -> None:
        """Ends the spans of which the event is the end."""
        if not self._open:
            return
        match event:
            case EpochEvent(member=member) if member in self._open:
                self._open[member].tell({"subgrad.epoch": event.metrics.epoch})
            case EndEvent(member=member) if member in self._open:
                self._open[member].tell({"subgrad.outcome": event.outcome})
                self._open.pop(member).end()
            case FailedEvent(member=member):
                for one in [member] if member else list(self._open):
                    self._open[one].fail(event.detail)
                    self._open.pop(one).end()
            case StoppedEvent(member=member) if member in self._open:
                self._open.pop(member).end()

    def close(self) -> None:
        """Ends those of whatever has not ended: it was stopped."""
        while self._open:
            self._open.popitem()[1].end()
