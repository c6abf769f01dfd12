"""The version stands in several places, and they agree."""

import tomllib

from alembic.config import Config
from alembic.script import ScriptDirectory

from service.api import create_app
from service.settings import Settings
from tests.architecture.tree import ROOT
from tests.upgrades.release import releases
from workers.training import environment


def test_every_place_names_the_newest_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = releases()[0].version
    assert project["version"] == newest
    assert create_app(Settings()).version == newest
    assert newest == environment._VERSION_OF_A_BARE_CHECKOUT


def test_the_changelog_has_the_newest_release_first() -> None:
    order = [tuple(map(int, one.version.split("."))) for one in releases()]
    assert order == sorted(order, reverse=True)
    assert [one.date for one in releases()] == sorted((o.date for o in releases()), reverse=True)


def test_what_is_not_released_comes_before_what_is() -> None:
    headings = [
        line
        for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    ]
    assert headings[0] == "## Unreleased"
    assert len(headings) == 1 + len(releases())


def test_every_schema_of_a_release_is_still_known() -> None:
    script = Config()
    script.set_main_option("script_location", str(ROOT / "migrations"))
    known = {one.revision for one in ScriptDirectory.from_config(script).walk_revisions()}
    assert {one.schema for one in releases()} - known == set()
