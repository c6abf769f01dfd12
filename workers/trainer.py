"""The training process: `python -m workers.trainer`. Reads commands, trains, prints events.

It knows neither database nor broker, so whatever happens to it harms nothing but the cohort in
hand. It ends when its stdin does: a killed supervisor leaves no process behind.
"""

import argparse
import os
import queue
import resource
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO

import torch
from pydantic import BaseModel

from service.domain.events import FailedEvent
from service.domain.states import Reason
from workers.protocol import COMMAND, Idle, Ready, Stop, Train
from workers.training import Cohort, Control, Member, select_device, train


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.trainer", description=__doc__)
    parser.add_argument("--threads", type=int, required=True, help="members trained side by side")
    parser.add_argument("--memory-mb", type=int, default=0, help="may allocate so much; 0: any")
    parser.add_argument("--data-home", type=Path, help="folder of data sets from elsewhere")
    options = parser.parse_args()
    _limit_memory(options.memory_mb)
    out = _private_stdout()
    torch.set_num_threads(1)  # `train` makes better use of threads

    def say(message: BaseModel) -> None:
        try:
            out.write(message.model_dump_json() + "\n")
            out.flush()
        except BrokenPipeError:  # the supervisor is gone: nobody would read another event
            os._exit(0)

    say(Ready())
    serve(sys.stdin, say, options.threads, options.data_home)


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
    commands: IO[str], say: Callable[[BaseModel], None], threads: int, data_home: Path | None
) -> None:
    """Trains one cohort after another until the commands end."""
    cohorts: queue.Queue[tuple[Train, Control]] = queue.Queue()

    def listen() -> None:
        try:
            obey()
        finally:
            # The supervisor is gone, wants us gone, or speaks what we do not understand.
            os._exit(0)

    def obey() -> None:
        control = Control()
        for line in commands:
            match COMMAND.validate_json(line):
                case Train() as command:
                    control = Control()
                    cohorts.put((command, control))
                case Stop(member=None):
                    control.stop_all()
                case Stop(member=str(member)):
                    control.stop(member)

    threading.Thread(target=listen, name="commands", daemon=True).start()
    while True:
        command, control = cohorts.get()
        _train(command, control, say, threads, data_home)
        say(Idle())


def _train(
    command: Train,
    control: Control,
    say: Callable[[BaseModel], None],
    threads: int,
    data_home: Path | None,
) -> None:
    members = tuple(Member(id=one.id, spec=one.spec) for one in command.members)
    try:
        device = select_device(members[0].spec.device)
        cohort = Cohort(members=members)
        events = train(cohort, device=device, control=control, threads=threads, data_home=data_home)
        for event in events:
            say(event)
    except Exception as error:  # whatever it was, it becomes the job's reason
        traceback.print_exc()
        say(_failure(error))


def _failure(error: Exception) -> FailedEvent:
    # On a CPU torch reports a refused allocation as a bare RuntimeError.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(error):
        reason = Reason.OUT_OF_MEMORY
        detail = "The training process ran out of memory: use a smaller network or batch."
    else:
        reason = Reason.INTERNAL
        detail = f"Training raised {type(error).__name__}; the worker's log has the traceback."
    return FailedEvent(member=None, reason=reason, detail=detail)


if __name__ == "__main__":
    main()
