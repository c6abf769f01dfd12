"""What a job's numbers depend on besides its spec: versions, device, threads, engine."""

import functools
import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path

import numpy
import torch

import service.domain
from service.domain.base import JsonObject
from workers.training.shapes import Shapes

_PACKAGE = "subgrad"
_SOURCES = {".py", ".h", ".cpp"}
_VERSION_OF_A_BARE_CHECKOUT = "0.1.0"


def environment(shapes: Shapes, device: torch.device, threads: int, engine: str) -> JsonObject:
    """The record that a job keeps of where it was trained."""
    on_gpu = device.type == "cuda"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if on_gpu else _processor(),
        "threads": threads,
        "engine": engine,
        "code_version": code_version(),
        "dtype": str(shapes.storage).removeprefix("torch."),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "blas": "mkl" if "MKL" in torch.__config__.show() else "other",
    }


def stamp(environment: JsonObject) -> str:
    """What two trainings must share for one to go on where the other stopped: everything that may
    decide a number, and so not the threads."""
    about = {name: value for name, value in environment.items() if name != "threads"}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _processor() -> str:
    return platform.processor() or platform.machine()


@functools.cache
def code_version() -> str:
    """The package's version and a digest of all source that decides numbers."""
    digest = hashlib.sha256()
    for root in (Path(__file__).parent, Path(str(service.domain.__file__)).parent):
        sources = [file for file in root.rglob("*") if file.suffix in _SOURCES]
        for file in sorted(sources):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return f"{_version()}+{digest.hexdigest()[:12]}"


def _version() -> str:
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return _VERSION_OF_A_BARE_CHECKOUT
