"""The Dockerfile, as far as it can be judged without an engine."""

import json
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from service.settings import Settings
from tests.architecture.test_repository import fields_of
from tests.architecture.tree import ROOT, tracked
from tests.deploy import dockerfile

TARGETS = ["api", "dispatch", "worker"]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def sources() -> list[str]:
    """What is copied from the repository."""
    copies = [shlex.split(rest) for word, rest in dockerfile.instructions() if word == "COPY"]
    ours = [words for words in copies if not words[0].startswith("--from=")]
    return sorted({source for words in ours for source in words[:-1]})


def is_ignored(path: Path) -> bool:
    """Whether .dockerignore keeps the file out: the last pattern that matches it, or a folder
    above it, decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        candidates = [path, *path.parents][:-1]
        names = [one.name if "**/" in line else str(one) for one in candidates]
        # A star stays within one folder.
        if any(fnmatch(n, pattern) and n.count("/") == pattern.count("/") for n in names):
            ignored = not line.startswith("!")
    return ignored


@pytest.mark.parametrize("source", sources())
def test_what_is_copied_is_there_and_reaches_the_engine(source: str) -> None:
    files = [path for path in tracked() if path == Path(source) or Path(source) in path.parents]
    assert files
    assert [path for path in files if is_ignored(path)] == []


def test_nothing_else_reaches_the_engine() -> None:
    sent = {path.parts[0] for path in tracked() if not is_ignored(path)}
    assert sent == {Path(source).parts[0] for source in sources()}


def test_the_last_stage_is_the_api() -> None:
    assert list(dockerfile.stages())[-1] == "api"


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_root(target: str) -> None:
    users = [user for stage in dockerfile.lineage(target) for user in stage.all("USER")]
    assert users == ["10001:10001"]


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_installed_where_it_would_stay(target: str) -> None:
    """Compilers and package managers run in stages of their own, from which one folder is taken."""
    for stage in dockerfile.lineage(target):
        assert not re.search(r"apt-get|pip install|g\+\+", " ".join(stage.all("RUN")))
    copies = [copy for stage in dockerfile.lineage(target) for copy in stage.all("COPY")]
    assert copies == [f"--from=build-{target} /opt/subgrad /opt/subgrad"]


@pytest.mark.parametrize("target", TARGETS)
def test_signals_reach_the_process(target: str) -> None:
    """No shell stands between: the command is a list, and there is no entry point."""
    (command,) = dockerfile.stages()[target].all("CMD")
    assert isinstance(json.loads(command), list)
    assert dockerfile.command_of(target)[0] == "python"
    assert [one for stage in dockerfile.lineage(target) for one in stage.all("ENTRYPOINT")] == []


@pytest.mark.parametrize("target", TARGETS)
def test_every_image_says_whether_it_is_well(target: str) -> None:
    assert dockerfile.health_of(target)[0] == "python"


@pytest.mark.parametrize("target", TARGETS)
def test_every_setting_that_an_image_sets_exists(target: str) -> None:
    ours = {name for name in dockerfile.environment_of(target) if name.startswith("SUBGRAD_")}
    assert ours
    assert ours - set(fields_of(Settings)) == set()


@pytest.mark.parametrize("stage", ["packages-api", "packages-dispatch", "packages-worker"])
def test_everything_from_an_index_has_its_locked_version(stage: str) -> None:
    assert dockerfile.environment_of(stage)["PIP_CONSTRAINT"] == "/src/requirements.lock"
    installs = " ".join(dockerfile.stages()[stage].all("RUN"))
    assert "--no-deps" not in installs


def test_what_apt_installs_has_a_version() -> None:
    runs = " ".join(rest for word, rest in dockerfile.instructions() if word == "RUN")
    installed = re.findall(r"apt-get install --yes --no-install-recommends (.*?) &&", runs)
    assert len(installed) == runs.count("apt-get install")
    assert all("=" in package for packages in installed for package in packages.split())


def test_only_the_worker_has_torch() -> None:
    for target in ("api", "dispatch"):
        (copy,) = dockerfile.stages()[target].all("COPY")
        build = copy.split()[0].removeprefix("--from=")
        runs = " ".join(run for stage in dockerfile.lineage(build) for run in stage.all("RUN"))
        assert "torch" not in runs
        assert "[worker]" not in runs
