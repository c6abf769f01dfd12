"""Where nothing is traced, OpenTelemetry's SDK is not needed; where its collector is away, it is
missed by nobody. (Its interface, without the SDK, comes with FastAPI.)"""

import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import Settings
from tests.architecture.tree import ROOT
from tests.stack import Stack, digits_spec


def run(code: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=Settings.model_validate(settings).as_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("process", ["service.api.app", "workers.app", "workers.trainer"])
def test_off_nothing_of_it_is_imported(process: str) -> None:
    done = run(
        f"import sys, {process}\n"
        "from service.observability import tracing\n"
        "tracing.configure('', 'any')\n"
        "span = tracing.start('any', parent=None, attributes={})\n"
        "with tracing.current(span): assert tracing.traceparent() is None\n"
        "assert span.traceparent is None\n"
        "assert not {'opentelemetry.sdk', 'opentelemetry.exporter'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("process", ["service.api", "workers"])
def test_on_without_the_package_it_says_what_to_install(process: str, tmp_path: Path) -> None:
    done = run(
        "import sys, runpy\n"
        "sys.modules['opentelemetry.sdk'] = None\n"
        f"runpy.run_module('{process}', run_name='__main__')",
        home=str(tmp_path),
        traces_url="http://127.0.0.1:1/v1/traces",
    )
    assert done.returncode == 1
    assert "pip install 'subgrad[traces]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_collector_that_is_away_costs_no_job(
    tmp_path: Path, sqlite_url: str, broker_url: str
) -> None:
    settings = Settings(
        home=tmp_path,
        database_url=sqlite_url,
        broker_url=broker_url,
        traces_url="http://127.0.0.1:1/v1/traces",
    )
    stack = Stack(settings)
    try:
        stack.start_all()
        assert stack.ended(stack.post(digits_spec()))["outcome"] == "completed"
    finally:
        stack.close()
