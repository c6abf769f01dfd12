"""Chunks side by side: each lane is a thread that trains its chunks by turns, an epoch each. A
single lane needs no thread: the caller's own does the work.

Small tensors gain little from threads inside an operation, and lose everything where another
process wants the core: with two such threads on two busy cores an epoch took a hundred times
longer. Lanes share nothing but the data, so they neither wait for each other nor spin.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

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


class Lane:
    """Chunks that train by turns. `is_active` tells of a member's id whether it still trains."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        *,
        epochs: int,
        is_active: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._chunks, self._epochs = list(chunks), epochs
        self._is_active, self._clock = is_active, clock

    def run(self) -> Iterator[TrainedEpoch | None]:
        """The epochs as they are done; None between two steps, so that the caller may look up."""
        for epoch in range(self._epochs + 1):
            for place, chunk in enumerate(self._chunks):
                start = self._clock()
                for readings in chunk.run_epoch(epoch) if self._is_wanted(chunk) else ():
                    if readings is None:
                        yield None
                        if not self._is_wanted(chunk):
                            break
                        continue
                    yield TrainedEpoch(
                        members=chunk.members,
                        epoch=epoch,
                        step=chunk.state.step,
                        readings=readings,
                        seconds=self._clock() - start,
                    )
                self._chunks[place] = self._without_idle(chunk)

    def _is_wanted(self, chunk: Chunk) -> bool:
        return any(self._is_active(member.id) for member in chunk.members)

    def _without_idle(self, chunk: Chunk) -> Chunk:
        """The chunk itself, or a smaller one once at most half of its members still train."""
        rows = [row for row, member in enumerate(chunk.members) if self._is_active(member.id)]
        return chunk.keep(rows) if 0 < len(rows) <= len(chunk.members) // 2 else chunk


def inline(lane: Lane, is_interrupted: Callable[[], bool]) -> Iterator[TrainedEpoch | None]:
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


def side_by_side(lanes: Sequence[Lane]) -> Iterator[TrainedEpoch | None]:
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
        self._queue: queue.Queue[TrainedEpoch | BaseException | None] = queue.Queue(_BACKLOG)
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

    def _put(self, result: TrainedEpoch | BaseException | None) -> None:
        while not self._is_stopped.is_set():
            try:
                self._queue.put(result, timeout=_LOOK_EVERY_S)
                break
            except queue.Full:
                continue

    def take(self, running: int) -> Iterator[TrainedEpoch | None]:
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
