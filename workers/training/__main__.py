"""`python -m workers.training spec.json …`: trains, and prints the events as JSON lines.

Specs of one cohort key train together, others one cohort after another. `-` reads a spec from
stdin. Exit status: 0 trained, 1 the data could not be used, 2 a spec or the device is unusable.
"""

import argparse
import sys
from pathlib import Path

import torch
from pydantic import ValidationError

from service.domain.events import FailedEvent
from service.domain.spec import JobSpec, cohort_key
from workers.training import Cohort, DeviceUnavailable, Member, select_device, train


class SpecUnreadable(Exception):
    """A spec that cannot be trained; the message says why and where."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.training", description=__doc__)
    parser.add_argument("specs", nargs="+", metavar="SPEC", help="a job spec in JSON; -: stdin")
    parser.add_argument("--threads", type=int, default=1, help="members trained side by side")
    parser.add_argument(
        "--data-home", type=Path, metavar="DIR", help="folder that keeps data sets that are fetched"
    )
    options = parser.parse_args(arguments)
    names = options.specs
    torch.set_num_threads(1)  # `train` makes better use of threads
    try:
        cohorts = _cohorts([Member(id=_id(names, i), spec=_read(n)) for i, n in enumerate(names)])
        return max(_train(cohort, options.threads, options.data_home) for cohort in cohorts)
    except (SpecUnreadable, DeviceUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the events has seen enough; nothing is left to flush at the exit.
        sys.stdout = None
        return 0


def _id(names: list[str], place: int) -> str:
    """A member is called as its file; the same file a second time gets a number."""
    name, before = names[place], names[:place].count(names[place])
    return f"{name}#{before + 1}" if before else name


def _read(name: str) -> JobSpec:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecUnreadable(f"{name}: cannot be read: {error}") from error
    try:
        spec = JobSpec.model_validate_json(text)
    except ValidationError as error:
        raise SpecUnreadable("\n".join(_problems(name, error))) from error
    if spec.dataset.task not in spec.loss.tasks:
        raise SpecUnreadable(
            f"{name}: loss: {spec.loss.name} does not fit the {spec.dataset.task} data set "
            f"{spec.dataset.name}"
        )
    return spec


def _problems(name: str, error: ValidationError) -> list[str]:
    return [
        f"{name}: {'.'.join(map(str, problem['loc'])) or 'the spec'}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    ]


def _cohorts(members: list[Member]) -> list[Cohort]:
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(cohort_key(member.spec), []).append(member)
    return [Cohort(members=tuple(group)) for group in groups.values()]


def _train(cohort: Cohort, threads: int, data_home: Path | None) -> int:
    status = 0
    device = select_device(cohort.spec.device)
    for event in train(cohort, device=device, threads=threads, data_home=data_home):
        print(event.model_dump_json(), flush=True)
        status = 1 if isinstance(event, FailedEvent) else status
    return status


if __name__ == "__main__":
    sys.exit(main())
