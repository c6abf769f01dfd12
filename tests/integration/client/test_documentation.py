"""Every example of docs/client.md, run as it stands there but for the address."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from service.client import resources
from tests.architecture.tree import ROOT
from tests.integration.client.commands import CommandLine, is_readable

PAGE = (ROOT / "docs/client.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


def examples(language: str) -> str:
    """All examples of a language, one after the other, as a reader would run them."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    assert len(blocks) >= 2
    return "\n".join(blocks)


def test_the_shells_examples_run(url: str, tmp_path: Path) -> None:
    script = f'set -euo pipefail\nsubgrad() {{ "{sys.executable}" -m service.cli "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", script + examples("sh")],
        cwd=tmp_path,
        env=CommandLine(url).environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "20 succeeded" in done.stdout
    assert is_readable(done.stdout)
    assert (tmp_path / "layers.csv").read_text().startswith("epoch,layer")
    assert load_file(tmp_path / "weights.safetensors")["0.weight"].shape == (32, 64)
    assert '"event":"end"' in (tmp_path / "events.jsonl").read_text().splitlines()[-1]


def test_pythons_examples_run(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = examples("python")
    assert code.count(ADDRESS) == 2
    exec(compile(code.replace(ADDRESS, url), "docs/client.md", "exec"), {})  # noqa: S102
    assert "invalid_spec /epochs req_" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["jobs", "sweeps", "studies", "datasets"])
def test_the_table_of_operations_is_complete(kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|(.*)\|$", PAGE, re.M)
    known = getattr(resources, kind.capitalize())
    assert set(re.findall(r"`(\w+)`", row)) == {n for n in dir(known) if not n.startswith("_")}
