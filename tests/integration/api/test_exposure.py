"""Beyond loopback the API does not start without a key."""

import subprocess
import sys

import pytest

from service.db import Database
from service.exposure import ExposedWithoutKey, check_exposure
from service.settings import Settings
from tests.integration.api.owners import make_key
from tests.integration.client.commands import CommandLine


def test_beyond_loopback_it_starts_with_a_key_alone(settings: Settings, database: Database) -> None:
    everywhere = settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104
    with pytest.raises(ExposedWithoutKey, match="subgrad keys create"):
        check_exposure(everywhere)
    check_exposure(everywhere.model_copy(update={"published_host": "127.0.0.1"}))
    make_key(database, "first")
    check_exposure(everywhere)


@pytest.mark.parametrize("arguments", [["service.api"], ["service.cli", "up"]])
def test_the_processes_say_so_and_end(settings: Settings, arguments: list[str]) -> None:
    everywhere = settings.model_copy(update={"published_host": "10.0.0.7"})
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=everywhere.as_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "10.0.0.7, beyond this machine, and there is no API key" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_key_is_made_on_the_database(settings: Settings, database: Database) -> None:
    run = CommandLine("http://127.0.0.1:1")
    run.environment = settings.as_environment()
    assert "no keys" in run("keys", "ls").errors
    made = run("keys", "create", "ci", "--scope", "write", "--owner", "lab", "--expires", "90d")
    assert (made.code, made.out[:4], len(made.out.strip())) == (0, "sgk_", 60)
    check_exposure(settings.model_copy(update={"host": "0.0.0.0"}))  # noqa: S104
    key = run("keys", "ls", "--json").json[0]
    assert (key["name"], key["owner"], key["scopes"]) == ("ci", "lab", ["write"])
    follows = run("keys", "rotate", key["id"], "--overlap", "1h", "--json").json
    assert (follows["key"]["owner"], follows["key"]["scopes"]) == ("lab", ["write"])
    assert run("keys", "revoke", key["id"]).code == 0
    assert "revoked" in run("keys", "ls").out
    assert run("keys", "rotate", key["id"]).code == 4
    for wrong in (
        ["create", ""],
        ["create", "x", "--owner", "a b"],
        ["create", "x", "--expires", "9"],
    ):
        assert run("keys", *wrong).code == 2
