"""The provisioned dashboard asks for metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import yaml

from service.api import create_app
from service.settings import Settings
from tests.architecture.tree import ROOT
from tests.integration.api.conftest import serving

GRAFANA = ROOT / "deploy/monitoring/grafana"


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "dashboards/subgrad.json").read_text())
    return found


def provisioned(kind: str) -> dict[str, Any]:
    (file,) = (GRAFANA / "provisioning" / kind).iterdir()
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def asked_for() -> set[str]:
    """The names of metrics in the dashboard's queries."""
    queries = (target["expr"] for panel in dashboard()["panels"] for target in panel["targets"])
    return {name for query in queries for name in re.findall(r"\bsubgrad_\w+", query)}


def test_the_dashboard_shows_everything_that_it_is_to_show() -> None:
    assert asked_for() == {
        "subgrad_attempts_total",
        "subgrad_cancel_latency_seconds_bucket",
        "subgrad_claims_total",
        "subgrad_cohort_size_bucket",
        "subgrad_gpu_memory_bytes",
        "subgrad_http_request_seconds_bucket",
        "subgrad_http_requests_total",
        "subgrad_jobs",
        "subgrad_lease_age_seconds",
        "subgrad_network_steps_total",
        "subgrad_queue_age_seconds",
    }


def test_its_panels_ask_the_source_that_is_provisioned() -> None:
    (source,) = provisioned("datasources")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    asked = {panel["datasource"]["uid"] for panel in dashboard()["panels"]}
    assert asked == {source["uid"]}


def test_it_is_read_from_where_it_is_mounted() -> None:
    (provider,) = provisioned("dashboards")["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


def test_its_panels_lie_side_by_side() -> None:
    taken = [
        (x, y)
        for panel in dashboard()["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert all(x < 24 for x, _ in taken)


def test_the_api_measures_whatever_the_dashboard_asks_for(tmp_path: Path, sqlite_url: str) -> None:
    with serving(create_app(Settings(home=tmp_path, database_url=sqlite_url))) as url:
        answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    # A histogram that saw nothing may show no bucket: its family is announced all the same.
    families = set(re.findall(r"^# TYPE (\w+) ", answer.text, re.M))
    named = {re.sub(r"_(bucket|total)$", "", name) for name in asked_for()}
    assert named - {re.sub(r"_total$", "", family) for family in families} == set()
