"""Training as a generator of events: the one entrance to everything in this package."""

import math
import time
from collections.abc import Callable, Iterator

import torch

from service.domain.errors import InvalidData
from service.domain.events import EndEvent, FailedEvent, StartedEvent, StoppedEvent, TrainingEvent
from service.domain.states import Outcome, Reason
from workers.training.chunk import Chunk, Setting, chunk_size
from workers.training.cohort import Cohort, Member
from workers.training.control import Control
from workers.training.data import load
from workers.training.environment import environment
from workers.training.network import Workspace
from workers.training.readings import Readings
from workers.training.record import epoch_event
from workers.training.shapes import Shapes
from workers.training.state import initial_state
from workers.training.tensors import Batches, PartTensors


def train(
    cohort: Cohort,
    *,
    device: torch.device,
    control: Control | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[TrainingEvent]:
    """Trains all members, chunk by chunk and epoch by epoch. A StartedEvent, then per member an
    EpochEvent for each epoch from 0 and an EndEvent; a StoppedEvent where `control` asked for it,
    and a FailedEvent where the data cannot be used."""
    try:
        setting = _set_up(cohort, device)
    except InvalidData as error:
        yield FailedEvent(member=None, reason=Reason.INVALID_DATA, detail=str(error))
        return
    yield StartedEvent(
        members=[member.id for member in cohort.members],
        environment=environment(setting.shapes, device),
    )
    yield from _Training(cohort, setting, control or Control(), clock).run()


def _set_up(cohort: Cohort, device: torch.device) -> Setting:
    spec = cohort.spec
    data, shapes = load(spec), Shapes.of(spec)
    return Setting(
        shapes=shapes,
        train=PartTensors.of(data.train, shapes, device),
        validation=PartTensors.of(data.validation, shapes, device),
        batches=Batches(data.train.count, spec.batch_size, shapes.tile),
        device=device,
        workspace=Workspace(),
    )


class _Training:
    """The chunks of a cohort and who of them is still training."""

    def __init__(
        self, cohort: Cohort, setting: Setting, control: Control, clock: Callable[[], float]
    ) -> None:
        self._setting, self._control, self._clock = setting, control, clock
        self._epochs = cohort.spec.epochs
        self._members = cohort.members
        self._active = {member.id for member in cohort.members}

    @torch.inference_mode()
    def _chunks(self) -> list[Chunk]:
        setting = self._setting
        size = chunk_size(setting.shapes, setting.batches, setting.device)
        parts = [self._members[i : i + size] for i in range(0, len(self._members), size)]
        return [
            Chunk(part, setting, initial_state(part, setting.shapes, setting.device))
            for part in parts
        ]

    def run(self) -> Iterator[TrainingEvent]:
        """Chunks take turns by epoch, so that all members progress alike."""
        chunks = self._chunks()
        for epoch in range(self._epochs + 1):
            for place, chunk in enumerate(chunks):
                yield from self._run_epoch(chunk, epoch)
                chunks[place] = self._without_idle(chunk)
            chunks = [chunk for chunk in chunks if self._is_active(chunk)]

    def _run_epoch(self, chunk: Chunk, epoch: int) -> Iterator[TrainingEvent]:
        start, work = self._clock(), chunk.run_epoch(epoch)
        while True:
            if self._control.pending:
                yield from self._stop_members()
            if not self._is_active(chunk):
                return
            # Only the work is done without autograd: what the caller does between two events
            # is the caller's.
            with torch.inference_mode():
                readings = next(work)
            if readings is not None:
                break
        yield from self._report(chunk, readings, epoch, self._clock() - start)

    def _report(
        self, chunk: Chunk, readings: Readings, epoch: int, seconds: float
    ) -> Iterator[TrainingEvent]:
        for row, member in enumerate(chunk.members):
            if member.id not in self._active:
                continue
            yield epoch_event(
                member, readings, row, epoch=epoch, step=chunk.state.step, seconds=seconds
            )
            end = _end(member, float(readings.values["diverged_at"][row, 0]))
            if end.outcome is Outcome.DIVERGED or epoch == self._epochs:
                self._active.discard(member.id)
                yield end

    def _stop_members(self) -> Iterator[TrainingEvent]:
        request = self._control.take()
        if request.everything and self._active:
            self._active.clear()
            yield StoppedEvent(member=None)
        for member in sorted(request.members & self._active):
            self._active.discard(member)
            yield StoppedEvent(member=member)

    def _is_active(self, chunk: Chunk) -> bool:
        return any(member.id in self._active for member in chunk.members)

    @torch.inference_mode()
    def _without_idle(self, chunk: Chunk) -> Chunk:
        """The chunk itself, or a smaller one once at most half of its members still train."""
        rows = [row for row, member in enumerate(chunk.members) if member.id in self._active]
        return chunk.keep(rows) if 0 < len(rows) <= len(chunk.members) // 2 else chunk


def _end(member: Member, diverged_at: float) -> EndEvent:
    if math.isinf(diverged_at):
        return EndEvent(member=member.id, outcome=Outcome.COMPLETED)
    return EndEvent(member=member.id, outcome=Outcome.DIVERGED, diverged_at_step=int(diverged_at))
