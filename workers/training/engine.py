"""Training as a generator of events: the one entrance to everything in this package."""

import math
import time
from collections.abc import Callable, Iterator

import torch

from service.domain.errors import InvalidData
from service.domain.events import EndEvent, FailedEvent, StartedEvent, StoppedEvent, TrainingEvent
from service.domain.states import Outcome, Reason
from workers.training.back_ends import choose_back_end
from workers.training.chunk import BackEnd, Chunk, Setting
from workers.training.cohort import Cohort, Member
from workers.training.control import Control
from workers.training.data import load
from workers.training.environment import environment
from workers.training.lanes import Lane, TrainedEpoch, inline, side_by_side
from workers.training.optimizers import needs
from workers.training.optimum import find_optima, problem
from workers.training.record import epoch_events
from workers.training.shapes import Shapes
from workers.training.state import initial_state
from workers.training.tensors import Batches, PartTensors


def train(
    cohort: Cohort,
    *,
    device: torch.device,
    control: Control | None = None,
    threads: int = 1,
    back_end: BackEnd | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[TrainingEvent]:
    """Trains all members, chunk by chunk and epoch by epoch. A StartedEvent, then per member an
    EpochEvent for each epoch from 0 and an EndEvent; a StoppedEvent where `control` asked for it,
    and a FailedEvent where the data cannot be used.

    On a CPU up to `threads` chunks train side by side, and torch's own threads are left as the
    caller set them: one is best. Neither has any influence on the numbers.

    `back_end` is for tests and benchmarks. Left out, it follows from spec, device and installation.
    """
    back_end = back_end or choose_back_end(cohort.spec, device)
    try:
        setting = _set_up(cohort, device)
    except InvalidData as error:
        yield FailedEvent(member=None, reason=Reason.INVALID_DATA, detail=str(error))
        return
    yield StartedEvent(
        members=[member.id for member in cohort.members],
        environment=environment(setting.shapes, device, threads, back_end.name),
    )
    yield from _Training(cohort, setting, back_end, control or Control(), clock).run(threads)


def _set_up(cohort: Cohort, device: torch.device) -> Setting:
    spec = cohort.spec
    data, shapes = load(spec), Shapes.of(spec)
    train = PartTensors.of(data.train, shapes, device)
    problems = [problem(member.spec) for member in cohort.members]
    return Setting(
        shapes=shapes,
        train=train,
        validation=PartTensors.of(data.validation, shapes, device),
        batches=Batches(data.train.count, spec.batch_size, shapes.tile),
        device=device,
        optima=find_optima(problems, train, shapes.widths),
    )


class _Training:
    """Who of a cohort is still training, and what its lanes have measured."""

    def __init__(
        self,
        cohort: Cohort,
        setting: Setting,
        back_end: BackEnd,
        control: Control,
        clock: Callable[[], float],
    ) -> None:
        self._setting, self._back_end, self._control = setting, back_end, control
        self._epochs = cohort.spec.epochs
        self._members = cohort.members
        self._active = {member.id for member in cohort.members}
        self._clock = clock

    def run(self, threads: int) -> Iterator[TrainingEvent]:
        lanes = [
            Lane(
                chunks,
                epochs=self._epochs,
                is_active=self._active.__contains__,
                clock=self._clock,
            )
            for chunks in self._divide(threads)
        ]
        for trained in self._work(lanes):
            if self._control.pending:
                yield from self._stop_members()
            if trained is not None:
                yield from self._report(trained)

    def _work(self, lanes: list[Lane]) -> Iterator[TrainedEpoch | None]:
        if len(lanes) == 1:
            return inline(lanes[0], lambda: self._control.pending)
        return side_by_side(lanes)

    @torch.inference_mode()
    def _divide(self, threads: int) -> list[list[Chunk]]:
        """The chunks of each lane: as equal as can be, and no larger than a stack is fast for.
        Members whose steps take the same stand together."""
        setting, count = self._setting, len(self._members)
        members = sorted(self._members, key=lambda member: needs(member.spec.optimizer))
        lanes = min(threads, count) if setting.device.type == "cpu" else 1
        fast = self._back_end.chunk_size(setting)
        chunks = min(count, -(-count // (fast * lanes)) * lanes)
        makers = [self._back_end.lane(setting) for _ in range(lanes)]
        divided: list[list[Chunk]] = [[] for _ in range(lanes)]
        for i in range(chunks):
            part = members[i * count // chunks : (i + 1) * count // chunks]
            state = initial_state(part, setting.shapes, setting.device)
            divided[i % lanes].append(makers[i % lanes](part, state))
        return divided

    def _report(self, trained: TrainedEpoch) -> Iterator[TrainingEvent]:
        events = epoch_events(
            trained.members,
            trained.readings,
            epoch=trained.epoch,
            step=trained.step,
            seconds=trained.seconds,
        )
        diverged_at = trained.readings.values["diverged_at"][:, 0].tolist()
        for member, event, step in zip(trained.members, events, diverged_at, strict=True):
            if member.id not in self._active:
                continue
            yield event
            end = _end(member, step)
            if end.outcome is Outcome.DIVERGED or trained.epoch == self._epochs:
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


def _end(member: Member, diverged_at: float) -> EndEvent:
    if math.isinf(diverged_at):
        return EndEvent(member=member.id, outcome=Outcome.COMPLETED)
    return EndEvent(member=member.id, outcome=Outcome.DIVERGED, diverged_at_step=int(diverged_at))
