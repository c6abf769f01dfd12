"""Where the slots of a worker train: one on each GPU, or else as many as were asked for on the
processor. Imports no torch, which in this process would claim memory of every GPU: nvidia-smi says
which there are."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from service.domain.spec import ANY_DEVICE, WITHOUT_GPU, Device
from service.settings import Settings

_log = structlog.get_logger(__name__)

_ANSWERS_WITHIN_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What one slot has to itself."""

    gpu: str | None
    """UUID, which stays the same whatever else the machine counts; None: the processor alone."""
    threads: int
    """With which slots that are all busy do not fight for cores."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """What a spec may ask for to be trained here."""
        return WITHOUT_GPU if self.gpu is None else ANY_DEVICE

    @property
    def environment(self) -> dict[str, str]:
        """What shows a training process the GPU of its slot, and no other."""
        return {"CUDA_VISIBLE_DEVICES": self.gpu or ""}


def place(settings: Settings) -> list[Placement]:
    """The slots of a worker with these settings on this machine."""
    gpus: list[str | None] = list(find_gpus(settings.gpus))
    slots = gpus or [None] * settings.worker_slots
    threads = settings.worker_threads or max(1, _cores() // len(slots))
    return [Placement(gpu=gpu, threads=threads) for gpu in slots]


def find_gpus(wanted: str) -> Sequence[str]:
    """UUIDs of the GPUs to use: all that there are for `auto`, no one for `none`, else those that
    are named, which nobody is asked about."""
    if wanted != "auto":
        names = [name.strip() for name in wanted.split(",")]
        return [] if wanted == "none" else list(dict.fromkeys(name for name in names if name))
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        told = _ask("uuid")
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("no GPU is used: nvidia-smi does not answer", error=str(error))
        return []
    return [line.strip() for line in told if line.strip().startswith("GPU-")]


def memory_in_use(gpus: Sequence[str]) -> dict[str, int]:
    """Bytes in use on each of these GPUs, by whomever; of those that nvidia-smi tells nothing
    about, nothing."""
    try:
        told = _ask("uuid,memory.used")
    except (OSError, subprocess.SubprocessError):
        return {}
    pairs = ([part.strip() for part in line.split(",")] for line in told)
    return {
        pair[0]: int(pair[1]) << 20
        for pair in pairs
        if len(pair) == 2 and pair[0] in gpus and pair[1].isdigit()
    }


def _ask(fields: str) -> list[str]:
    """The lines of nvidia-smi's answer; numbers without their units. Raises what subprocess
    does."""
    return subprocess.run(
        ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        timeout=_ANSWERS_WITHIN_S,
        check=True,
    ).stdout.splitlines()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
