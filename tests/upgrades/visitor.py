"""Somebody who goes on using the service whatever is done to it."""

import threading
from types import TracebackType

import httpx

from tests.stack import Spec, wait_for


class Visitor:
    """Submits, reads, lists and cancels, again and again, and keeps every answer that is not what
    it should be."""

    def __init__(self, url: str, spec: Spec) -> None:
        self._url, self._spec = url, spec
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.rounds = 0
        self.complaints: list[str] = []

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for_rounds(self, more: int) -> None:
        goal = self.rounds + more
        wait_for(lambda: self.rounds >= goal, what=f"{more} more rounds of a visitor")

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as http:
            while not self._stop.is_set():
                try:
                    self._go_round(http)
                except (httpx.HTTPError, AssertionError) as error:
                    self.complaints.append(repr(error))
                self.rounds += 1

    def _go_round(self, http: httpx.Client) -> None:
        posted = http.post("/v1/jobs", json=self._spec)
        assert posted.status_code == 202, posted.text
        job = f"/v1/jobs/{posted.json()['id']}"
        for path in (job, f"{job}/epochs", "/v1/jobs?limit=5", "/v1/sweeps"):
            answer = http.get(path)
            assert answer.status_code == 200, answer.text
        cancelled = http.post(f"{job}/cancel")
        assert cancelled.status_code in (202, 409), cancelled.text
