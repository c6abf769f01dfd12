"""A client that openapi-python-client generates from the document runs a job."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.specs import SMALL

# JSON is YAML. The generator's list of media types is short; these are all bytes to it.
_CONFIG = json.dumps(
    {
        "post_hooks": [],
        "content_type_overrides": dict.fromkeys(
            ["text/csv", "application/vnd.apache.parquet", "application/x-npz"],
            "application/octet-stream",
        ),
    }
)


@pytest.fixture
def generated(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the package."""
    config = tmp_path / "config.yml"
    config.write_text(_CONFIG)
    generator = str(Path(sys.executable).with_name("openapi-python-client"))
    place = tmp_path / "generated_subgrad"
    done = subprocess.run(
        [
            *(generator, "generate", "--url", f"{url}/openapi.json", "--output-path", str(place)),
            *("--meta", "none", "--config", str(config), "--fail-on-warning"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    return place.name


def test_a_generated_client_runs_a_job(url: str, generated: str) -> None:
    def operation(path: str) -> Any:
        return importlib.import_module(f"{generated}.api.{path}").sync

    models = importlib.import_module(f"{generated}.models")
    with importlib.import_module(generated).Client(base_url=url) as client:
        spec = models.JobSpec.from_dict(SMALL)
        queued = operation("jobs.submit_job")(client=client, body=spec)
        ended = operation("jobs.read_job")(queued.id, client=client, wait=60.0)
        assert (ended.status, ended.outcome) == ("succeeded", "completed")
        series = operation("series.read_epochs")(queued.id, client=client)
        assert series.columns.epoch == [0, 1, 2, 3]
        refused = operation("jobs.submit_job")(
            client=client, body=models.JobSpec.from_dict(SMALL | {"epochs": 10**9})
        )
        assert isinstance(refused, models.Problem)
        assert refused.errors[0].pointer == "/epochs"
