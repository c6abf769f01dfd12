"""Training as a generator of events: the one entrance to everything in this package."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from service.domain.errors import InvalidData
from service.domain.events import EndEvent, FailedEvent, StartedEvent, StoppedEvent, TrainingEvent
from service.domain.states import Outcome, Reason
from workers.training.back_ends import choose_back_end
from workers.training.checkpoint import Checkpoint, UnusableCheckpoint, restore
from workers.training.chunk import BackEnd, Chunk, Setting
from workers.training.cohort import Cohort, Member
from workers.training.control import Control
from workers.training.data import load
from workers.training.environment import environment, stamp
from workers.training.lanes import Lane, Result, SavedEpoch, TrainedEpoch, inline, side_by_side
from workers.training.optimizers import needs
from workers.training.optimum import find_optima, problem
from workers.training.record import epoch_events
from workers.training.shapes import Shapes
from workers.training.state import State, initial_state
from workers.training.tensors import Batches, PartTensors


class Store(Protocol):
    """Who keeps what is more than an event."""

    def checkpoint(self, member: str, epoch: int, payload: bytes) -> None:
        """All that the member needs to go on after `epoch`, whose event was told before."""

    def weights(self, member: str, payload: bytes) -> None:
        """The weights that the member ends with, as safetensors; its end is told next."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What is kept of a training, and what it goes on from."""

    store: Store | None = None
    every_s: float = math.inf
    """Least time between two checkpoints. Without any influence on the numbers."""
    checkpoints: Mapping[str, bytes] | None = None
    """By member. One that is of another engine or code version is left aside: going on from it
    would give other numbers than starting again."""


def train(
    cohort: Cohort,
    *,
    device: torch.device,
    control: Control | None = None,
    threads: int = 1,
    keeping: Keeping | None = None,
    data_home: Path | None = None,
    back_end: BackEnd | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[TrainingEvent]:
    """Trains all members, chunk by chunk and epoch by epoch. A StartedEvent, then per member an
    EpochEvent for each epoch from 0 (or after its checkpoint's) and an EndEvent; a StoppedEvent
    where `control` asked for it, and a FailedEvent where the data cannot be used.

    On a CPU up to `threads` chunks train side by side, and torch's own threads are left as the
    caller set them: one is best. Neither has any influence on the numbers.

    Data sets that have to be fetched are kept in the folder `data_home`; without one, nowhere.

    `back_end` is for tests and benchmarks. Left out, it follows from spec, device and installation.
    """
    back_end, keeping = back_end or choose_back_end(cohort.spec, device), keeping or Keeping()
    control = control or Control()
    try:
        setting = _set_up(cohort, device, data_home, control, threads)
    except InvalidData as error:
        yield FailedEvent(member=None, reason=Reason.INVALID_DATA, detail=str(error))
        return
    about = environment(setting.shapes, device, threads, back_end.name)
    training = _Training(cohort, setting, back_end, control, clock)
    training.keep(keeping, stamp(about))
    yield StartedEvent(
        members=[member.id for member in cohort.members],
        environment=about,
        resumed=training.resumed,
    )
    yield from training.run(threads)


def _set_up(
    cohort: Cohort,
    device: torch.device,
    data_home: Path | None,
    control: Control,
    threads: int,
) -> Setting:
    spec = cohort.spec
    data, shapes = load(spec, data_home), Shapes.of(spec)
    train = PartTensors.of(data.train, shapes, device)
    problems = [problem(member.spec) for member in cohort.members]
    return Setting(
        shapes=shapes,
        train=train,
        validation=PartTensors.of(data.validation, shapes, device),
        batches=Batches(data.train.count, spec.batch_size, shapes.tile),
        device=device,
        optima=find_optima(problems, train, shapes.widths, lambda: control.is_over),
        threads=threads,
    )


class _Training:
    """Who of a cohort is still training, and what its lanes have measured. Lanes see it as their
    `Company`."""

    def __init__(
        self,
        cohort: Cohort,
        setting: Setting,
        back_end: BackEnd,
        control: Control,
        clock: Callable[[], float],
    ) -> None:
        self._setting, self._back_end, self._control = setting, back_end, control
        self._members = cohort.members
        self._active = {member.id for member in cohort.members}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._store: Store | None = None
        self.epochs, self.clock = cohort.spec.epochs, clock
        self.save_every_s, self.stamp = math.inf, ""

    def keep(self, keeping: Keeping, stamp: str) -> None:
        """Takes up what is kept of the members, and where more of it goes."""
        self._store, self.save_every_s, self.stamp = keeping.store, keeping.every_s, stamp
        for member, payload in (keeping.checkpoints or {}).items():
            checkpoint = _read(payload)
            if checkpoint is not None and checkpoint.stamp == stamp:
                self._checkpoints[member] = checkpoint

    @property
    def resumed(self) -> dict[str, int]:
        return {member: one.epoch for member, one in self._checkpoints.items()}

    @property
    def is_saving(self) -> bool:
        return self._store is not None

    @property
    def is_draining(self) -> bool:
        return self._control.is_draining

    def is_active(self, member: str) -> bool:
        return member in self._active

    def run(self, threads: int) -> Iterator[TrainingEvent]:
        for members in self._turns():
            yield from self._run(self._divide(members, threads))
            if self._control.is_draining:
                break
        if self._active:  # drained
            self._active.clear()
            yield StoppedEvent(member=None)

    def _turns(self) -> Iterator[Sequence[Member]]:
        """As many at a time as there is room for; who was stopped meanwhile takes none."""
        room = self._back_end.room(self._setting) or len(self._members)
        for first in range(0, len(self._members), room):
            members = [m for m in self._members[first : first + room] if self.is_active(m.id)]
            if members:
                yield members

    def _run(self, divided: list[list[Chunk]]) -> Iterator[TrainingEvent]:
        for result in self._work([Lane(chunks, self) for chunks in divided]):
            if self._control.pending:
                yield from self._stop_members()
            if isinstance(result, TrainedEpoch):
                yield from self._report(result)
            elif isinstance(result, SavedEpoch):
                self._save(result)

    def _work(self, lanes: list[Lane]) -> Iterator[Result | None]:
        if len(lanes) == 1:
            return inline(lanes[0], lambda: self._control.pending)
        return side_by_side(lanes)

    @torch.inference_mode()
    def _divide(self, members: Sequence[Member], threads: int) -> list[list[Chunk]]:
        """The chunks of each lane: as equal as can be, and no larger than is fast. Members that
        are at different epochs are in different chunks; whose steps take the same stand together.
        """
        setting, count = self._setting, len(members)
        lanes = min(threads, count) if setting.device.type == "cpu" else 1
        makers = [self._back_end.lane(setting) for _ in range(lanes)]
        fast = self._back_end.chunk_size(setting)
        divided: list[list[Chunk]] = [[] for _ in range(lanes)]
        chunks = 0
        for epoch, group in self._by_epoch(members).items():
            for part in _parts(group, lanes, fast):
                lane = chunks % lanes
                chunk = makers[lane](part, self._state(part))
                chunk.epoch = epoch
                divided[lane].append(chunk)
                chunks += 1
        return [lane for lane in divided if lane]

    def _by_epoch(self, members: Sequence[Member]) -> dict[int, list[Member]]:
        groups: dict[int, list[Member]] = {}
        for member in sorted(members, key=lambda member: needs(member.spec.optimizer)):
            groups.setdefault(self.resumed.get(member.id, -1), []).append(member)
        return groups

    def _state(self, members: Sequence[Member]) -> State:
        """At initialisation, or as it was saved."""
        state = initial_state(members, self._setting.shapes, self._setting.device)
        saved = [self._checkpoints[m.id] for m in members if m.id in self._checkpoints]
        if saved:
            restore(state, saved)
        return state

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
            if end.outcome is Outcome.DIVERGED or trained.epoch == self.epochs:
                self._active.discard(member.id)
                if self._store is not None:
                    self._store.weights(member.id, trained.weights[member.id])
                yield end

    def _save(self, saved: SavedEpoch) -> None:
        for member, payload in saved.payloads.items():
            if self._store is not None and member in self._active:
                self._store.checkpoint(member, saved.epoch, payload)

    def _stop_members(self) -> Iterator[TrainingEvent]:
        request = self._control.take()
        if request.everything and self._active:
            self._active.clear()
            yield StoppedEvent(member=None)
        for member in sorted(request.members & self._active):
            self._active.discard(member)
            yield StoppedEvent(member=member)


def _parts(members: Sequence[Member], lanes: int, fast: int) -> Iterator[Sequence[Member]]:
    """At most `fast` members each, and as many parts as keep all lanes busy."""
    count = len(members)
    chunks = min(count, -(-count // (fast * lanes)) * lanes)
    for i in range(chunks):
        yield members[i * count // chunks : (i + 1) * count // chunks]


def _read(payload: bytes) -> Checkpoint | None:
    try:
        return Checkpoint.from_bytes(payload)
    except UnusableCheckpoint:
        return None


def _end(member: Member, diverged_at: float) -> EndEvent:
    if math.isinf(diverged_at):
        return EndEvent(member=member.id, outcome=Outcome.COMPLETED)
    return EndEvent(member=member.id, outcome=Outcome.DIVERGED, diverged_at_step=int(diverged_at))
