"""What all commands have in common."""

from collections.abc import Iterator
from typing import Any

import typer.main

from service.cli import app


def commands(group: Any, *above: str) -> Iterator[tuple[str, set[str]]]:
    """Every command by its words, with its options."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *above, name)
        else:
            yield " ".join([*above, name]), {text for one in command.params for text in one.opts}


def test_every_command_takes_json_but_those_that_run_the_service() -> None:
    found = dict(commands(typer.main.get_command(app)))
    assert {"submit", "datasets upload", "study run", "keys ls"} <= found.keys()
    assert {name for name, options in found.items() if "--json" not in options} == {"up", "demo"}
