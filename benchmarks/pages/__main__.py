"""How soon large pages can be used, and how soon they show what is new, in headless Chromium.

`python -m benchmarks.pages [--loads 10] [--seconds 15]`: the API as a process of its own on a
SQLite file, and each load in a browser profile of its own, so that nothing is kept from another.
`content.py` says what the pages show, `probe.js` what is noted.

*shown*: from the start of the navigation to the first painted frame with the content. *can be
used*: the same, or the end of the last long task (50 ms) of loading where that is later. *whole*:
nothing is missing any more, such as the unit map. *keys*: the slowest of 20 presses of a key or
button, up to the next painted frame (the browser tells none under 16 ms). *update*: from the
arrival of news, by the event stream or as an answer, to the first painted frame after the page has
changed; *long task*: the longest while news came in.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.pages.content import Content, Recording, fill, running_job, running_sweep
from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.browser.chromium import launched
from tests.stack import Stack

_PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
_COLUMNS = (
    *("page", "shown", "can be used", "whole", "keys"),
    *("update by event", "update by answer", "long task", "load average"),
)
_PRESSES = 20
_QUIET_MS = 500


@dataclass(frozen=True, kw_only=True)
class View:
    """A page, when it is loaded, and what is pressed on it."""

    name: str
    path: str
    shown: str
    whole: str
    press: str
    """Where the focus goes."""
    key: str
    news: str = ""
    """Addresses whose answers are news to the page."""


@dataclass(kw_only=True)
class Measured:
    """Milliseconds, an entry a load, or an update."""

    shown: list[float] = field(default_factory=list)
    usable: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    events: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    longest_task: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--only", default="", help="pages whose name holds this text")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        browser = stack.enter_context(launched())
        if browser is None:
            print("NO CHROMIUM FOUND: install the system's chromium", file=sys.stderr)
            return 1
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="subgrad-bench-")))
        settings = Settings(home=home, database_url=f"sqlite:///{home}/subgrad.sqlite3")
        database = Database(settings.database_url)
        upgrade(database)
        service = Stack(settings)
        stack.callback(service.close)
        service.start("service.api")
        service.wait_until_listening()
        recording = Recording(service.http, database)
        content = fill(recording)
        url = str(service.http.base_url)
        runs = Runs(browser, url, arguments.loads, arguments.seconds, arguments.only)
        for view in _ended(content):
            runs.look_at(view)
        with running_job(recording, content) as job_id:
            for view in _of_running_job(job_id):
                runs.look_at(view, is_live=True)
        with running_sweep(recording, content) as sweep_id:
            runs.look_at(_sweep("sweep of 1,000, running", sweep_id), is_live=True)
    return 0


def _jobs(name: str, news: str = "") -> View:
    rows = "document.querySelectorAll('.jobs tbody tr').length === 25"
    sparks = "document.querySelectorAll('.jobs .spark path').length >= 48"
    return View(
        name=name,
        path="/",
        shown=f"{rows} && document.querySelector('.filters')",
        whole=f"{rows} && {sparks}",
        press=".jobs tbody tr:nth-child(3) input",
        key="Space",
        news=news,
    )


# Without the bands around them.
_LINES = """
    [...document.querySelectorAll('.charts .plot')]
        .flatMap((one) => globalThis.Chart?.getChart(one)?.data.datasets ?? [])
        .filter(({ label, fill }) => label && !fill).length
"""


def _job(name: str, job_id: str) -> View:
    return View(
        name=name,
        path=f"/jobs/{job_id}",
        shown=f"{_LINES} >= 4 && document.querySelector('.vitals dd')",
        whole=f"{_LINES} >= 16 && document.querySelector('.map-summary')?.textContent",
        press=".charts .plot",
        key="ArrowRight",
        news="/units",
    )


def _sweep(name: str, sweep_id: str) -> View:
    cells = "document.querySelectorAll('.heat button').length >= 100"
    return View(
        name=name,
        path=f"/sweeps/{sweep_id}",
        shown=f"{cells} && document.querySelector('[name=quantity]')",
        whole=cells,
        press=".heat button",
        key="Enter",
        news="/table",
    )


def _ended(content: Content) -> list[View]:
    one, other = content.ended
    return [
        _jobs("jobs"),
        _job("job of 5,000 epochs", one),
        View(
            name="two of them compared",
            path=f"/compare?jobs={one},{other}",
            shown=f"{_LINES} >= 14",
            whole=f"{_LINES} >= 14",
            press=".charts .plot",
            key="ArrowRight",
        ),
        _sweep("sweep of 1,000, 100 cells", content.sweep),
        _sweep("sweep of 1,000, 1,000 cells", content.fine_sweep),
    ]


def _of_running_job(job_id: str) -> list[View]:
    return [
        _job("job of 5,000 epochs, running", job_id),
        _jobs("jobs, one running", news=r"/v1/jobs\?"),
    ]


class Runs:
    """Loads views and keeps what was noted."""

    def __init__(self, browser: Browser, url: str, loads: int, seconds: float, only: str) -> None:
        self._browser, self._url, self._only = browser, url, only
        self._loads, self._seconds = loads, seconds
        print(f"{loads} loads each, ms: median; 95th percentile\n")
        print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}", flush=True)

    def look_at(self, view: View, *, is_live: bool = False) -> None:
        if self._only not in view.name:
            return
        found = Measured()
        for load in range(self._loads):
            is_watched = is_live and load == self._loads - 1
            self._load(view, found, watch_s=self._seconds if is_watched else 0.0)
        self._report(view.name, found)

    def _load(self, view: View, found: Measured, *, watch_s: float) -> None:
        context = self._browser.new_context(
            base_url=self._url, viewport={"width": 1366, "height": 768}
        )
        page = context.new_page()
        page.on("pageerror", lambda error: print(f"{view.name}: {error}", file=sys.stderr))
        contents = f"{{shown: () => {view.shown}, whole: () => {view.whole}}}"
        page.add_init_script(f"{_PROBE}\nmeasure({contents}, {json.dumps(view.news)});")
        page.goto(view.path, wait_until="commit")
        page.wait_for_function("() => measured.shown !== null && measured.whole !== null")
        page.wait_for_timeout(_QUIET_MS)
        noted = page.evaluate("measured")
        loading = [end for start, end in noted["long"] if start < noted["whole"]]
        found.shown.append(noted["shown"])
        found.usable.append(max(noted["shown"], *loading, 0.0))
        found.whole.append(noted["whole"])
        if watch_s:
            self._watch(page, found, watch_s)
        _press(page, view)
        found.keys.append(max(page.evaluate("measured.inputs"), default=0.0))
        context.close()

    def _watch(self, page: Page, found: Measured, seconds: float) -> None:
        page.evaluate("Object.assign(measured, {long: [], updates: {}})")
        page.wait_for_timeout(1000 * seconds)
        noted = page.evaluate("measured")
        found.events += noted["updates"].get("event", [])
        found.answers += noted["updates"].get("answer", [])
        found.longest_task = max((end - start for start, end in noted["long"]), default=0.0)

    def _report(self, name: str, of: Measured) -> None:
        """A line of the table, as soon as it is known."""
        times = (of.shown, of.usable, of.whole, of.keys, of.events, of.answers)
        task = f"{of.longest_task:.0f}" if of.events or of.answers else ""
        cells = (name, *(_cell(one) for one in times), task, f"{os.getloadavg()[0]:.1f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def _press(page: Page, view: View) -> None:
    page.evaluate("measured.inputs.length = 0")
    page.locator(view.press).first.focus()
    for _ in range(_PRESSES):
        page.keyboard.press(view.key)
        page.wait_for_timeout(40)
    page.wait_for_timeout(200)


def _cell(times: Sequence[float]) -> str:
    if not times:
        return ""
    if len(times) == 1:
        return f"{times[0]:.0f}"
    last = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return f"{statistics.median(times):.0f}; {last:.0f}"


if __name__ == "__main__":
    sys.exit(main())
