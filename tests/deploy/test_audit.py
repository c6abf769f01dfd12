"""What the audit says of what its tool found, or could not find."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

FINDS = {
    "nothing": ("No known vulnerabilities found", 0),
    "something": ("Found 2 known vulnerabilities in 1 package", 1),
    "what no mirror knows": ("httpx  Dependency not found and could not be audited: httpx", 0),
    "nobody": ("ConnectionError: could not reach the service", 1),
}


@pytest.mark.parametrize(
    ("found", "optional", "code", "is_loud"),
    [
        ("nothing", "", 0, False),
        ("something", "", 1, False),
        ("something", "1", 1, False),
        ("what no mirror knows", "", 2, True),
        ("what no mirror knows", "1", 0, True),
        ("nobody", "", 2, True),
        ("nobody", "1", 0, True),
    ],
)
def test_it_tells_what_was_found_from_what_nobody_looked_at(
    tmp_path: Path, found: str, optional: str, code: int, is_loud: bool
) -> None:
    told, ends = FINDS[found]
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\ntest -f requirements.lock && echo '{told}'\nexit {ends}\n")
    tool.chmod(0o755)
    done = subprocess.run(
        ["sh", "deploy/audit.sh", tool],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "AUDIT_OPTIONAL": optional},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert (told in done.stdout) != (found == "what no mirror knows")
    assert ("NOT AUDITED" in done.stderr) == is_loud


@pytest.mark.parametrize(("audit", "code"), [(0, 0), (2, 2)])
def test_ci_tests_and_fails_where_the_audit_found_something(
    tmp_path: Path, audit: int, code: int
) -> None:
    told = tmp_path / "told"
    programs = {
        "make": f'echo "$@" >> {told}\ntest "$1" != audit || exit {audit}',
        # So that it installs nothing.
        **dict.fromkeys(("chromium", "rabbitmq-server"), "exit 0"),
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert told.read_text() == "audit AUDIT_OPTIONAL=1\ntest\n"
    assert ("KNOWN VULNERABILITIES" in done.stderr) == bool(audit)
