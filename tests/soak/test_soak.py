"""The short form: two minutes, in which what leaks with each request would show."""

from pathlib import Path

from service.settings import Settings
from tests.soak.__main__ import soak
from tests.soak.watching import trends
from tests.stack import Stack

SECONDS = 120.0


def test_under_load_nothing_is_held_that_is_not_let_go_again(
    tmp_path: Path, postgresql_url: str, broker_url: str
) -> None:
    settings = Settings(
        home=tmp_path, database_url=postgresql_url, broker_url=broker_url, queue=tmp_path.name
    )
    with (tmp_path / "log").open("wb") as log:
        looks, tally = soak(Stack(settings, log), SECONDS, pause_s=0.05)
    assert tally.complaints == []
    assert set(tally.done) == {"submit", "cancel", "read", "listen"}
    requests = len(tally.waits_s)
    assert requests > 100
    for name, held in trends(looks).items():
        # Pools fill and shrink by a few; what is lost with every tenth request is far more.
        few = max(10, requests // 10)
        assert held["files"].growth < few, (name, held)
        assert held["connections"].growth < few, (name, held)
        # Allocators keep some; 100 kB a request would be seen.
        assert held["megabytes"].growth < max(32.0, requests * 0.1), (name, held)
