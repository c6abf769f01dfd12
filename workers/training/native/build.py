"""Builds the kernel with the machine's C++ compiler, once, and loads it.

The library is named after a digest of source and flags, so a changed kernel is a new file, and an
old one is never taken for it. It is kept beside the source, or where that cannot be written in a
folder of this process alone.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from workers.training.native.interface import Library

_SOURCE = Path(__file__).parent / "kernel"
BUILT = Path(__file__).parent / "built"
_COMPILERS = ("g++", "clang++", "c++")
# No fast-math: NaN stays NaN and sums keep their order. The two flags given let the compiler
# forget errno and floating-point traps, which nobody reads here.
_FLAGS = (
    "-std=c++17",
    "-O3",
    "-mprefer-vector-width=512",
    "-fopenmp-simd",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
)
TARGETS = {"AVX512": "x86-64-v4", "AVX2": "x86-64-v3"}
"""The instruction sets that the kernel is written for, by PyTorch's name for what a CPU can do."""


@functools.cache
def native_library() -> Library | None:
    """The kernel for this machine; None where there is none for its CPU, or no compiler that
    builds it."""
    target = TARGETS.get(torch.backends.cpu.get_cpu_capability())
    if target is None:
        return None
    try:
        return Library(build(target, BUILT), target)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"The native kernel could not be built, PyTorch trains: {error}\n")
        return None


def build(target: str, folder: Path, *, defines: tuple[str, ...] = ()) -> Path:
    """The library for a target, compiled into `folder` unless it lies there. Raises OSError where
    there is no compiler, and SubprocessError where it fails."""
    flags = (*_FLAGS, f"-march={target}", *(f"-D{name}" for name in defines))
    path = folder / f"kernel-{target}-{_digest(flags)}.so"
    if path.exists():
        return path
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise FileNotFoundError("there is no C++ compiler")
    if not _can_write(folder):
        path = Path(tempfile.mkdtemp(prefix="subgrad-kernel-")) / path.name
    # Several processes may build at once: each writes its own file, and the last name wins.
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".so", delete=False) as file:
        unfinished = Path(file.name)
    try:
        output = ["-o", str(unfinished), str(_SOURCE / "kernel.cpp"), "-lm"]
        command = [compiler, *flags, *output]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        unfinished.chmod(0o755)  # a temporary file is its maker's alone; who trains may be another
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _digest(flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256(" ".join(flags).encode())
    for file in sorted(_SOURCE.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
