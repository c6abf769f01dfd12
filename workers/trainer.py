"""The training process: `python -m workers.trainer`. Reads commands, trains, prints events.

It knows neither database nor broker, so whatever happens to it harms nothing but the cohort in
hand. It ends when its stdin does: a killed supervisor leaves no process behind.
"""

import argparse
import math
import os
import queue
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import structlog
import torch
from pydantic import BaseModel

from service.domain.events import FailedEvent, StartedEvent, TrainingEvent
from service.domain.states import Reason
from service.observability import logs, tracing
from workers.protocol import COMMAND, Drain, Idle, Ready, Saved, Stop, Train, Weights
from workers.spans import MemberSpans
from workers.training import (
    Cohort,
    Control,
    DeviceUnavailable,
    Keeping,
    Member,
    select_device,
    train,
)

_log = structlog.get_logger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.trainer", description=__doc__)
    parser.add_argument("--threads", type=int, required=True, help="members trained side by side")
    parser.add_argument("--memory-mb", type=int, default=0, help="may allocate so much; 0: any")
    parser.add_argument("--checkpoint-s", type=float, default=math.inf, help="between checkpoints")
    parser.add_argument("--largest-mb", type=int, default=64, help="of a checkpoint or of weights")
    parser.add_argument("--data-home", type=Path, help="folder of data sets from elsewhere")
    parser.add_argument("--log-format", choices=("console", "json"), default="console")
    parser.add_argument("--traces-url", default="", help="OTLP collector of spans; empty: none")
    options = parser.parse_args()
    logs.configure(options.log_format)
    tracing.configure(options.traces_url, "trainer")
    _limit_memory(options.memory_mb)
    out = _private_stdout()
    torch.set_num_threads(1)  # `train` makes better use of threads

    def say(message: BaseModel) -> None:
        try:
            out.write(message.model_dump_json() + "\n")
            out.flush()
        except BrokenPipeError:  # the supervisor is gone: nobody would read another event
            os._exit(0)

    def train_cohort(command: Train, control: Control) -> None:
        keeping = Keeping(
            store=Teller(say, largest=options.largest_mb << 20),
            every_s=options.checkpoint_s,
            checkpoints={one.id: one.checkpoint for one in command.members if one.checkpoint},
        )

        def events(cohort: Cohort, device: torch.device) -> Iterator[TrainingEvent]:
            return train(
                cohort,
                device=device,
                control=control,
                threads=options.threads,
                keeping=keeping,
                data_home=options.data_home,
            )

        _train(command, say, events)

    say(Ready())
    serve(sys.stdin, train_cohort, lambda: say(Idle()))


class Teller:
    """Keeps nothing: tells the supervisor. What is too large for a line is left out: without a
    checkpoint an interrupted job starts again, with the same numbers."""

    def __init__(self, say: Callable[[BaseModel], None], *, largest: int) -> None:
        self._say, self._largest = say, largest

    def checkpoint(self, member: str, epoch: int, payload: bytes) -> None:
        if len(payload) <= self._largest:
            self._say(Saved(member=member, epoch=epoch, payload=payload))

    def weights(self, member: str, payload: bytes) -> None:
        if len(payload) <= self._largest:
            self._say(Weights(member=member, payload=payload))


def _limit_memory(megabytes: int) -> None:
    """Lets allocations beyond the limit fail: an error that can be told, where the kernel's
    memory killer would leave nothing but a lost process."""
    if megabytes:
        limit = megabytes * 2**20
        # Data, not address space: CUDA reserves far more addresses than it uses.
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _private_stdout() -> IO[str]:
    """The stream of events. Anything else that prints goes to stderr, and cannot break a line."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def serve(
    commands: IO[str],
    train_cohort: Callable[[Train, Control], None],
    say_idle: Callable[[], None],
) -> None:
    """Trains one cohort after another until the commands end."""
    cohorts: queue.Queue[tuple[Train, Control]] = queue.Queue()

    def listen() -> None:
        try:
            obey()
        finally:
            # The supervisor is gone, wants us gone, or speaks what we do not understand.
            tracing.close()
            os._exit(0)

    def obey() -> None:
        control = Control()
        for line in commands:
            match COMMAND.validate_json(line):
                case Train() as command:
                    control = Control()
                    cohorts.put((command, control))
                case Drain():
                    control.drain()
                case Stop(member=None):
                    control.stop_all()
                case Stop(member=str(member)):
                    control.stop(member)

    threading.Thread(target=listen, name="commands", daemon=True).start()
    while True:
        command, control = cohorts.get()
        train_cohort(command, control)
        say_idle()


def _train(
    command: Train,
    say: Callable[[BaseModel], None],
    events: Callable[[Cohort, torch.device], Iterator[TrainingEvent]],
) -> None:
    members = tuple(Member(id=one.id, spec=one.spec) for one in command.members)
    began, spans = time.perf_counter(), MemberSpans(command)

    def tell(event: TrainingEvent) -> None:
        if isinstance(event, StartedEvent) and event.resumed:
            _log.info("going on from checkpoints", epochs=dict(event.resumed))
        spans.hear(event)
        say(event)

    with structlog.contextvars.bound_contextvars(**_named(command)):
        try:
            device = select_device(members[0].spec.device)
            _log.info("training", jobs=len(members), device=str(device))
            for event in events(Cohort(members=members), device):
                tell(event)
            _log.info("trained", seconds=round(time.perf_counter() - began, 6))
        except Exception as error:  # whatever it was, it becomes the job's reason
            _log.exception("training failed")
            tell(_failure(error))
    spans.close()


def _named(command: Train) -> dict[str, object]:
    """What stands on every line about the cohort: of one that is a single job, which it is."""
    if len(command.members) > 1:
        attempts = {one.id: one.attempt for one in command.members}
        return {"cohort": command.cohort, "attempts": attempts}
    (alone,) = command.members
    return {"cohort": command.cohort, "job": alone.id, "attempt": alone.attempt}


def _failure(error: Exception) -> FailedEvent:
    # On a CPU torch reports a refused allocation as a bare RuntimeError.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(error):
        reason = Reason.OUT_OF_MEMORY
        detail = "The training process ran out of memory: use a smaller network or batch."
    elif isinstance(error, DeviceUnavailable):
        reason, detail = Reason.INTERNAL, str(error)
    else:
        reason = Reason.INTERNAL
        detail = f"Training raised {type(error).__name__}; the worker's log has the traceback."
    return FailedEvent(member=None, reason=reason, detail=detail)


if __name__ == "__main__":
    main()
