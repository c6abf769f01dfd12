"""The API as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

_IMPORTS_NOTHING_HEAVY = """
import asyncio, sys
import httpx
from service.api import create_app
from service.settings import Settings

async def ask():
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for path in ("/healthz", "/openapi.json", "/v1/catalog"):
            assert (await http.get(path)).status_code == 200
        refused = await http.post("/v1/jobs", json={"activation": {"name": "relu"}})
        assert refused.status_code == 422

asyncio.run(ask())
print([name for name in ("torch", "numpy", "sklearn", "workers") if name in sys.modules])
"""


def test_it_never_imports_what_trains(sqlite_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS_NOTHING_HEAVY],
        env=os.environ | {"SUBGRAD_DATABASE_URL": sqlite_url},
        capture_output=True,
        text=True,
        check=False,
    )
    # Above stands the line of the log about the refused request.
    assert (done.stdout.splitlines()[-1:], done.returncode) == (["[]"], 0), done.stderr


def test_it_serves_and_stops_at_a_signal_with_streams_open(tmp_path: Path, sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    given = {"HOME": tmp_path, "PORT": port, "DATABASE_URL": sqlite_url}
    process = subprocess.Popen(
        [sys.executable, "-m", "service.api"],
        env=os.environ | {f"SUBGRAD_{name}": str(value) for name, value in given.items()},
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while b"running on" not in (line := process.stderr.readline()):
            assert line, "it ended before it served"
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            spec = http.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]["requestBody"]
            example = spec["content"]["application/json"]["examples"]["convention"]["value"]
            job = http.post("/v1/jobs", json=example).json()
            with http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
                next(stream.iter_lines())
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=10)
        assert process.returncode == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()
