"""Chunks side by side: each lane is a thread that trains its chunks by turns, an epoch each. A
single lane needs no thread: the caller's own does the work.

Small tensors gain little from threads inside an operation, and lose everything where another
process wants the core: with two such threads on two busy cores an epoch took a hundred times
longer. Lanes share nothing but the data, so they neither wait for each other nor spin.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from workers.training.checkpoint import checkpoint_of, weights_of
from workers.training.chunk import Chunk
from workers.training.cohort import Member
from workers.training.readings import Readings

# Epochs that may wait to be reported: who reads slowly slows the training down.
_BACKLOG = 4
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, kw_only=True)
class TrainedEpoch:
    """One epoch of one chunk, as it was when the epoch ended."""

    members: Sequence[Member]
    epoch: int
    step: int
    readings: Readings
    seconds: float
    weights: Mapping[str, bytes]
    """Of the members that ended here, where somebody keeps them."""


@dataclass(frozen=True, kw_only=True)
class SavedEpoch:
    """Members of one chunk as they were after an epoch: checkpoints by member."""

    epoch: int
    payloads: Mapping[str, bytes]


Result = TrainedEpoch | SavedEpoch


class Company(Protocol):
    """What a lane must know of the training that it is part of."""

    epochs: int
    save_every_s: float
    stamp: str
    clock: Callable[[], float]

    @property
    def is_saving(self) -> bool:
        """Whether somebody keeps checkpoints and weights."""

    def is_active(self, member: str) -> bool:
        """Whether the member still trains."""

    @property
    def is_draining(self) -> bool:
        """Whether all should save what they have and stop, as soon as their epoch is done."""


class Lane:
    """Chunks that train by turns."""

    def __init__(self, chunks: Sequence[Chunk], company: Company) -> None:
        self._chunks, self._company = list(chunks), company
        self._saved_at = company.clock()

    def run(self) -> Iterator[Result | None]:
        """The epochs as they are done; None between two steps, so that the caller may look up."""
        for epoch in range(self._company.epochs + 1):
            for place, chunk in enumerate(self._chunks):
                if chunk.epoch < epoch and self._is_wanted(chunk):
                    yield from self._run_epoch(chunk, epoch)
                if self._company.is_draining:
                    yield from self._save()
                    return
                self._chunks[place] = self._without_idle(chunk)
            if self._company.clock() - self._saved_at >= self._company.save_every_s:
                yield from self._save()

    def _run_epoch(self, chunk: Chunk, epoch: int) -> Iterator[Result | None]:
        start = self._company.clock()
        for readings in chunk.run_epoch(epoch):
            if readings is None:
                yield None
                if not self._is_wanted(chunk):
                    return
                continue
            chunk.epoch = epoch
            yield TrainedEpoch(
                members=chunk.members,
                epoch=epoch,
                step=chunk.state.step,
                readings=readings,
                seconds=self._company.clock() - start,
                weights=self._final_weights(chunk, readings),
            )

    def _final_weights(self, chunk: Chunk, readings: Readings) -> dict[str, bytes]:
        if not self._company.is_saving:
            return {}
        is_last = chunk.epoch == self._company.epochs
        diverged = np.isfinite(readings.values["diverged_at"][:, 0])
        return {
            member.id: weights_of(member, chunk.state, row, chunk.setting.shapes)
            for row, member in enumerate(chunk.members)
            if (is_last or diverged[row]) and self._company.is_active(member.id)
        }

    def _save(self) -> Iterator[SavedEpoch]:
        """Checkpoints of all who still train. Those who are at their last epoch need none."""
        for chunk in self._chunks if self._company.is_saving else ():
            if 0 <= chunk.epoch < self._company.epochs:
                payloads = {
                    member.id: checkpoint_of(
                        chunk.state, row, epoch=chunk.epoch, stamp=self._company.stamp
                    ).to_bytes()
                    for row, member in enumerate(chunk.members)
                    if self._company.is_active(member.id)
                }
                yield SavedEpoch(epoch=chunk.epoch, payloads=payloads)
        self._saved_at = self._company.clock()

    def _is_wanted(self, chunk: Chunk) -> bool:
        return any(self._company.is_active(member.id) for member in chunk.members)

    def _without_idle(self, chunk: Chunk) -> Chunk:
        """The chunk itself, or a smaller one once at most half of its members still train."""
        rows = [
            row for row, member in enumerate(chunk.members) if self._company.is_active(member.id)
        ]
        return chunk.keep(rows) if 0 < len(rows) <= len(chunk.members) // 2 else chunk


def inline(lane: Lane, is_interrupted: Callable[[], bool]) -> Iterator[Result | None]:
    """The epochs of a single lane, and None whenever `is_interrupted` says so."""
    work = lane.run()
    is_done = False
    while not is_done:
        # Entered anew after each yield: what the caller does in between is not ours.
        with torch.inference_mode():
            for trained in work:
                if trained is not None or is_interrupted():
                    break
            else:
                trained, is_done = None, True
        yield trained


def side_by_side(lanes: Sequence[Lane]) -> Iterator[Result | None]:
    """The epochs of all lanes, a thread each, and None at least every 50 ms. Raises what a lane
    raised; when the caller leaves, the lanes end at their next step."""
    results = _Results()
    threads = [
        threading.Thread(target=results.fill, args=(lane,), name="lane", daemon=True)
        for lane in lanes
    ]
    for thread in threads:
        thread.start()
    try:
        yield from results.take(len(threads))
    finally:
        results.stop()
        for thread in threads:
            thread.join()


class _Results:
    """What passes from the lanes' threads to the caller's: epochs, errors, and None at a lane's
    end."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Result | BaseException | None] = queue.Queue(_BACKLOG)
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        self._is_stopped.set()

    def fill(self, lane: Lane) -> None:
        try:
            with torch.inference_mode():
                for trained in lane.run():
                    if self._is_stopped.is_set():
                        return
                    if trained is not None:
                        self._put(trained)
            self._put(None)
        except BaseException as error:  # it is the reader's
            self._put(error)

    def _put(self, result: Result | BaseException | None) -> None:
        while not self._is_stopped.is_set():
            try:
                self._queue.put(result, timeout=_LOOK_EVERY_S)
                break
            except queue.Full:
                continue

    def take(self, running: int) -> Iterator[Result | None]:
        while running:
            try:
                result = self._queue.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                yield None
                continue
            if isinstance(result, BaseException):
                raise result
            if result is None:
                running -= 1
            yield result
