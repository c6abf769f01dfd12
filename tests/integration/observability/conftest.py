"""A running service that is watched: its log as JSON in a file, its spans in a collector."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from tests.servers import Collector
from tests.stack import Stack

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Watched:
    stack: Stack
    collector: Collector
    log: Path

    def lines(self, **wanted: Any) -> list[Line]:
        """The lines of all processes so far that hold all of this. Each line is one JSON object,
        or this fails."""
        found = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [line for line in found if wanted.items() <= line.items()]


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[Watched]:
    """API, dispatch and a worker, for all tests of a module."""
    home = tmp_path_factory.mktemp("watched")
    shutil.copyfile(sqlite_template, home / "subgrad.sqlite3")
    log = home / "all.log"
    with ExitStack() as held:
        collector = held.enter_context(Collector.running())
        settings = Settings(
            home=home,
            broker_url=redis_url,
            queue=home.name,
            log_format="json",
            traces_url=collector.url,
            republish_s=0.5,
        )
        stack = Stack(settings, held.enter_context(log.open("ab")))
        held.callback(stack.close)
        stack.start_all()
        yield Watched(stack=stack, collector=collector, log=log)
