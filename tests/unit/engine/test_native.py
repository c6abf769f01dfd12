"""The native kernel: that it is built and chosen by the rules, and agrees with stacked PyTorch.

Its numbers are held against the plain loop by all other tests of this folder, since it is what
most specs get.
"""

import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings

from service.domain.events import StartedEvent
from service.domain.spec import JobSpec
from tests.specs import job_spec
from tests.unit.engine.comparing import story_differences
from tests.unit.engine.plain_cohorts import ACTIVATIONS
from tests.unit.engine.random_cohorts import cohorts
from tests.unit.engine.running import CPU, cohort_of, run_all
from workers.training import train
from workers.training.back_ends import choose_back_end
from workers.training.native import NativeKernel, build, native_library
from workers.training.stacked import StackedTorch

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None or torch.backends.cpu.get_cpu_capability() not in build.TARGETS,
    reason="NO C++ COMPILER OR NO AVX2 HERE: THE NATIVE KERNEL IS NOT TESTED",
)


@pytest.fixture(autouse=True, scope="module")
def back_end() -> None:
    """Each test here says itself which back ends it is about."""


@given(cohorts())
@settings(derandomize=True, max_examples=40, deadline=None)
def test_the_back_ends_agree_over_28_steps(specs: list[JobSpec]) -> None:
    native, stacked = (
        run_all(specs, back_end=back_end)
        for back_end in (choose_back_end(specs[0], CPU), StackedTorch())
    )
    for spec, mine, other in zip(specs, native, stacked, strict=True):
        assert story_differences(mine, other, spec) == []


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_the_back_ends_agree_in_single_precision(activation: dict[str, Any]) -> None:
    """The vector functions of the C library against PyTorch's, at sizes that leave no tile whole
    and with batches of more than one panel: 26 steps."""
    spec = JobSpec.model_validate(
        {
            "dataset": {"name": "digits"},
            "network": {"hidden": [37, 70]},
            "activation": activation,
            "loss": {"name": "cross_entropy"},
            "optimizer": {"learning_rate": 0.01},
            "epochs": 2,
            "batch_size": 115,
        }
    )
    (mine,) = run_all([spec])
    (other,) = run_all([spec], back_end=StackedTorch())
    assert story_differences(mine, other, spec) == []


@pytest.mark.parametrize(
    ("changes", "engine"),
    [
        ({}, "native"),
        ({"precision": "float64"}, "native"),
        ({"network": {"kind": "linear"}}, "native"),
        ({"precision": "bfloat16"}, "stacked-torch"),
        ({"precision": "float16"}, "stacked-torch"),
        ({"activation": {"name": "rrelu"}}, "stacked-torch"),
        ({"loss": {"name": "huber"}}, "native"),
        ({"optimizer": {"name": "rmsprop", "learning_rate": 0.1}}, "native"),
        ({"optimizer": {"learning_rate": 0.1, "schedule": {"name": "cosine"}}}, "native"),
    ],
    ids=str,
)
def test_the_spec_chooses_the_back_end(changes: dict[str, Any], engine: str) -> None:
    assert choose_back_end(job_spec(**changes), CPU).name.split()[0] == engine
    assert choose_back_end(job_spec(**changes), torch.device("cuda")).name == "stacked-torch"


def test_the_environment_names_the_back_end() -> None:
    library = native_library()
    assert library is not None
    names = []
    for back_end in (NativeKernel(library), StackedTorch()):
        started = next(iter(train(cohort_of([job_spec()]), device=CPU, back_end=back_end)))
        assert isinstance(started, StartedEvent)
        names.append(started.environment["engine"])
    assert names == [f"native ({library.target})", "stacked-torch"]


def test_without_a_compiler_pytorch_trains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        "workers.training.back_ends.native_library", build.native_library.__wrapped__
    )
    assert choose_back_end(job_spec(), CPU).name == "stacked-torch"
    assert "could not be built" in capfd.readouterr().err


def test_a_compiler_that_fails_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{compiler.parent}:/usr/bin:/bin")
    with pytest.raises(subprocess.CalledProcessError):
        build.build("x86-64-v3", tmp_path)
    assert list(tmp_path.iterdir()) == [compiler.parent]


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    target = build.TARGETS[torch.backends.cpu.get_cpu_capability()]
    script = (
        "import sys; from pathlib import Path; from workers.training.native import build; "
        "print(build.build(sys.argv[1], Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", script, target, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert told == {str(path) for path in tmp_path.iterdir()}
    assert len(told) == 1


def test_the_kernel_compiles_for_the_other_cpus_too(tmp_path: Path) -> None:
    """The container image carries it for all."""
    own = build.TARGETS[torch.backends.cpu.get_cpu_capability()]
    for target in set(build.TARGETS.values()) - {own}:
        library = build.build(target, tmp_path)
        # In an image it is built by root, and loaded by a user who is nobody.
        assert stat.S_IMODE(library.stat().st_mode) == 0o755
        assert library.stat().st_size > 0
