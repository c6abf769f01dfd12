"""The Dockerfile as these tests see it: its stages, and what a container of one runs."""

import json
import re
import shlex
from dataclasses import dataclass, field
from functools import cache

from tests.architecture.tree import ROOT

Instruction = tuple[str, str]


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows it."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == keyword]


@cache
def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = Stage(name, base)
        elif found:
            found[list(found)[-1]].instructions.append((word, rest))
    return found


def instructions() -> list[Instruction]:
    """Every instruction in one line."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.M)
    whole = re.sub(r"\\\n\s*", " ", without_comments)
    pairs = (line.split(maxsplit=1) for line in whole.splitlines() if line.strip())
    return [(word, rest) for word, rest in pairs]


def lineage(target: str) -> list[Stage]:
    """The stage and those that it is FROM, the first of them first."""
    stage = stages()[target]
    return [*(lineage(stage.base) if stage.base in stages() else []), stage]


def environment_of(target: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for stage in lineage(target):
        for line in stage.all("ENV"):
            found |= dict(pair.split("=", maxsplit=1) for pair in shlex.split(line))
    return found


def command_of(target: str) -> list[str]:
    (command,) = stages()[target].all("CMD")
    return [str(part) for part in json.loads(command)]


def health_of(target: str) -> list[str]:
    """The command of the health check."""
    (check,) = stages()[target].all("HEALTHCHECK")
    return [str(part) for part in json.loads(check.partition(" CMD ")[2])]
