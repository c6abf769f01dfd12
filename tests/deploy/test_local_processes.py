"""Every service of the compose file that is ours, by its exact command with its exact environment,
on a real PostgreSQL and a real Redis."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.deploy import compose
from tests.deploy.local import Host, Process, described
from tests.servers import free_port
from tests.stack import digits_spec, wait_for

OWN = compose.own()
FOLDERS = {
    "database": "database-secrets",
    "grafana": "grafana-secrets",
    "metrics": "metrics-secrets",
}


@pytest.fixture
def host(tmp_path: Path, empty_postgresql_url: str, broker_url: str) -> Host:
    port = free_port()
    addresses = {
        "postgresql://subgrad@postgres:5432/subgrad": empty_postgresql_url,
        "redis://redis:6379/0": broker_url,
        "http://127.0.0.1:8000/": f"http://127.0.0.1:{port}/",
    }
    return Host(folder=tmp_path, addresses=addresses, port=port)


@pytest.fixture
def running(host: Host) -> Iterator[dict[str, Process]]:
    """All of them, in the order of the file: one after the other, or once."""
    processes: dict[str, Process] = {}
    try:
        for name, service in OWN.items():
            if service.runs_once:
                assert host.run(service) == 0, f"{described(service)}\n{host.log(service)}"
            else:
                processes[name] = host.start(service)
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def test_a_job_runs_through_them_and_each_stops_at_a_signal(
    host: Host, running: dict[str, Process]
) -> None:
    for name, process in running.items():
        service = OWN[name]
        wait_for(
            lambda process=process, service=service: (  # type: ignore[misc]
                process.poll() is not None or host.check(service) == 0
            ),
            what=f"{name} is well",
        )
        assert process.poll() is None, f"{described(service)}\n{host.log(service)}"
    with httpx.Client(base_url=f"http://127.0.0.1:{host.port}", timeout=70) as http:
        assert http.get("/readyz").status_code == 200
        job_id = http.post("/v1/jobs", json=digits_spec()).raise_for_status().json()["id"]
        # The first job may have to wait for a compiler.
        job = wait_for(
            lambda: job if (job := read(http, job_id))["finished_at"] else None,
            what="the job ends",
            timeout_s=300,
        )
        assert (job["status"], job["outcome"]) == ("succeeded", "completed")
        # As Prometheus asks from its container, with the key that was made for it.
        key = (host.folder / "volumes/metrics-secrets/key").read_text()
        asks = {"Host": "api:8000", "Authorization": f"Bearer {key}"}
        assert "subgrad_jobs" in http.get("/metrics", headers=asks).raise_for_status().text
        assert http.get("/metrics", headers={"Host": "api:8000"}).status_code == 421
    for name in reversed(running):
        running[name].send_signal(signal.SIGTERM)
    for name, process in running.items():
        ended = process.wait(OWN[name].grace_s)
        # uvicorn, having ended in order, dies of the signal; as a container's first process it
        # could not, and ends with 0.
        assert ended in (0, -signal.SIGTERM), f"{name}: {ended}\n{host.log(OWN[name])}"
    assert host.check(OWN["api"]) != 0
    assert [one for one in psutil.process_iter(["environ"]) if is_of(host, one)] == []


def read(http: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}", params={"wait": 30}).json()
    return job


def is_of(host: Host, process: psutil.Process) -> bool:
    """Whether the process has the environment of one of ours: it was left behind."""
    environment = process.info["environ"] or {}
    return str(environment.get("SUBGRAD_PORT")) == str(host.port)


def test_secrets_are_made_once_each_and_only_readable_by_those_who_need_them(host: Host) -> None:
    assert host.run(OWN["secrets"]) == 0, host.log(OWN["secrets"])
    first = contents(host)
    assert set(first) == {
        "database/password",
        "database/pgpass",
        "grafana/password",
        "metrics/key",
    }
    assert len(set(first.values())) == 4
    assert all(len(secret) >= 43 for secret in first.values())  # 256 bits in base64
    assert first["database/pgpass"] == f"*:*:*:*:{first['database/password']}\n"
    volumes = host.folder / "volumes"
    assert stat.S_IMODE((volumes / "database-secrets/pgpass").stat().st_mode) == 0o600
    assert host.run(OWN["secrets"]) == 0
    assert contents(host) == first


def contents(host: Host) -> dict[str, str]:
    return {
        f"{name}/{file}": (host.folder / "volumes" / folder / file).read_text()
        for name, folder in FOLDERS.items()
        for file in os.listdir(host.folder / "volumes" / folder)
    }
