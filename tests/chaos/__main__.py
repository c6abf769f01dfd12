"""The long form: `make chaos`. Prints a table; docs/reliability.md holds that of the last run.

    python -m tests.chaos [--jobs 320] [--kills 220] [--seed 1] [--only compose|embedded|crowd]

Half of the kills hit a service on PostgreSQL and Redis, servers included, half one on SQLite with
the embedded broker. Then SQLite serves a crowd for a minute.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.chaos.breaking import Chaos, Tally, count_resumes
from tests.chaos.crowd import CLIENTS, READERS, Crowd, crowd
from tests.chaos.invariants import check
from tests.servers import Postgres, Redis, find_postgres, find_redis

Ends = Counter[str]
CROWD_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=320)
    parser.add_argument("--kills", type=int, default=220)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["compose", "embedded", "crowd"])
    given = parser.parse_args()
    console = Console(width=100)
    ways = {"compose": _compose, "embedded": _embedded}
    for name, run in ways.items():
        if given.only in (None, name):
            console.print(f"{name}: seed {given.seed} …")
            tally, ends = run(given.jobs // 2, given.kills // 2, given.seed)
            console.print(_table(name, tally, ends))
    if given.only in (None, "crowd"):
        _crowd(console)


def _compose(jobs: int, kills: int, seed: int) -> tuple[Tally, Ends]:
    """PostgreSQL and Redis, which crash too."""
    programs, program = find_postgres(), find_redis()
    if programs is None or program is None:
        raise SystemExit("No PostgreSQL or no Redis here: `make install` brings both.")
    with Postgres.running(programs) as postgres, Redis.running(program) as redis, _home() as home:
        settings = Settings(home=home, database_url=postgres.url, broker_url=redis.url)

        def crash_postgres() -> None:
            postgres.crash()
            postgres.start()

        def kill_redis() -> None:
            redis.kill()
            redis.start()

        servers = {"PostgreSQL": crash_postgres, "Redis": kill_redis}
        return _run(settings, servers, jobs, kills, seed)


def _embedded(jobs: int, kills: int, seed: int) -> tuple[Tally, Ends]:
    """SQLite and a broker of our own, which is among the victims."""
    with _home() as home:
        return _run(Settings(home=home), {}, jobs, kills, seed)


@contextmanager
def _home() -> Iterator[Path]:
    """Kept, with the database and the log, where something went wrong."""
    home = tempfile.mkdtemp(prefix="subgrad-chaos-")
    try:
        yield Path(home)
    except BaseException:
        print(f"What was left is in {home}", file=sys.stderr)
        raise
    shutil.rmtree(home, ignore_errors=True)


def _run(
    settings: Settings,
    servers: Mapping[str, Callable[[], None]],
    jobs: int,
    kills: int,
    seed: int,
) -> tuple[Tally, Ends]:
    database = Database(settings.resolved_database_url)
    upgrade(database)
    file = settings.resolved_home / "log"
    with file.open("wb") as log:
        chaos = Chaos(settings, seed=seed, servers=servers, log=log)
        try:
            tally = chaos.run(jobs=jobs, kills=kills)
        finally:
            chaos.close()
    ends = check(database, tally.accepted)
    database.dispose()
    tally.resumes = count_resumes(file)
    if not tally.resumes:
        raise SystemExit("No job went on from a checkpoint: the run says nothing about them.")
    if tally.died:
        raise SystemExit(f"Processes ended although nobody had killed them: {tally.died}")
    return tally, ends


def _table(name: str, tally: Tally, ends: Ends) -> Table:
    table = Table(title=f"{name}: every invariant held")
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_row("jobs accepted", str(len(tally.accepted)))
    for status, count in sorted(ends.items()):
        table.add_row(f"  {status}", str(count))
    table.add_row("kill -9, all", str(tally.kills.total()))
    for victim, count in tally.kills.most_common():
        table.add_row(f"  {victim}", str(count))
    table.add_row("cohorts that went on from checkpoints", str(tally.resumes))
    table.add_row("attempts a job, most", str(tally.most_attempts))
    table.add_row("seconds", f"{tally.seconds:.0f}")
    return table


def _crowd(console: Console) -> None:
    ends_at: list[float] = []

    def goes_on(_: Crowd) -> bool:
        ends_at.append(ends_at[0] if ends_at else time.monotonic() + CROWD_S)
        return time.monotonic() < ends_at[0]

    with _home() as home:
        settings = Settings(home=home)
        from_files = Database(settings.resolved_database_url)
        upgrade(from_files)
        program = find_redis()
        if program is None:
            raise SystemExit("No Redis here: `make install` brings one.")
        with Redis.running(program) as redis:
            settings = settings.model_copy(update={"broker_url": redis.url})
            told = crowd(settings, home / "log", goes_on=goes_on)
        if told.refused or told.complaints:
            raise SystemExit(f"{told.refused[:3]} {told.complaints[:3]}")
        ends = check(from_files, told.accepted)
        from_files.dispose()
    console.print(
        f"crowd: SQLite, {CLIENTS} clients, a worker, {READERS} readers, {told.seconds:.0f} s: "
        f"{len(told.accepted)} jobs accepted, {ends.total()} ended, {told.reads} reads, "
        "no locked database"
    )


if __name__ == "__main__":
    main()
