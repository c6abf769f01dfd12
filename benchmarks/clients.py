"""Clients that cost next to nothing: the service is measured, not they.

`python -m benchmarks.clients` is a process of its own. It reads one request from stdin, a JSON
object (`port`, `spec`, `jobs`, `clients`), posts so many jobs by so many threads, each with a
socket of its own, and prints how that went as another.
"""

import json
import socket
import sys
import threading
import time
from typing import IO, Any

import psutil

_HEAD = (
    "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n"
)


def main() -> None:
    asked = json.load(sys.stdin)
    print(json.dumps(post_all(**asked)))


def post_all(port: int, spec: dict[str, Any], jobs: int, clients: int) -> dict[str, float]:
    """Each client posts its share one after another, seeds told apart. Seconds for all, the median
    and the slowest POST, and the processor seconds that the clients took."""
    together = threading.Barrier(clients + 1)
    took: list[float] = []

    def post(client: int) -> None:
        requests = [_request(spec | {"seed": seed}) for seed in range(client, jobs, clients)]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as answers:
                together.wait()
                for request in requests:
                    start = time.perf_counter()
                    connection.sendall(request)
                    _read_accepted(answers)
                    took.append(time.perf_counter() - start)

    threads = [threading.Thread(target=post, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    together.wait()
    before, start = psutil.Process().cpu_times(), time.perf_counter()
    for thread in threads:
        thread.join()
    seconds, after = time.perf_counter() - start, psutil.Process().cpu_times()
    if len(took) != jobs:
        raise SystemExit(f"{jobs - len(took)} jobs were not accepted")
    return {
        "seconds": seconds,
        "median_s": sorted(took)[len(took) // 2],
        "slowest_s": max(took),
        "cpu_s": after.user + after.system - before.user - before.system,
    }


def _request(document: dict[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    return _HEAD.format(len(body)).encode() + body


def _read_accepted(answers: IO[bytes]) -> None:
    status, length = answers.readline(), 0
    while (line := answers.readline().lower()) not in (b"\r\n", b""):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    body = answers.read(length)
    if b" 202 " not in status:
        raise SystemExit(f"{status!r} {body[:300]!r}")


if __name__ == "__main__":
    main()
