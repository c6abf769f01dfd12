"""The compose file as these tests see it: what each container is told, its image included."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.architecture.tree import ROOT
from tests.deploy import dockerfile

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@cache
def document() -> dict[str, Any]:
    """The file on a machine where no variable is set."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(VARIABLE.sub(lambda found: found[2] or "", text))
    return loaded


@dataclass(frozen=True)
class Service:
    """A service with what its image adds."""

    name: str
    given: dict[str, Any]

    @property
    def target(self) -> str | None:
        """The stage of the Dockerfile that it runs; None: it runs somebody else's image."""
        build = self.given.get("build")
        return None if build is None else str(build["target"])

    @property
    def command(self) -> list[str]:
        given = self.given.get("command")
        if given is None:
            assert self.target is not None
            return dockerfile.command_of(self.target)
        return [str(part) for part in given]

    @property
    def environment(self) -> dict[str, str]:
        image = dockerfile.environment_of(self.target) if self.target else {}
        return image | dict(self.given.get("environment", {}))

    @property
    def health(self) -> list[str] | None:
        """The command of its health check."""
        given = self.given.get("healthcheck", {})
        if given.get("disable"):
            return None
        if "test" in given:
            return [str(part) for part in given["test"][1:]]
        return dockerfile.health_of(self.target) if self.target else None

    @property
    def runs_once(self) -> bool:
        return self.given.get("restart") == "no"

    @property
    def waits_for(self) -> dict[str, str]:
        """Condition by service."""
        after = self.given.get("depends_on", {})
        return {name: str(how["condition"]) for name, how in after.items()}

    @property
    def mounts(self) -> list[tuple[str, str]]:
        """Source and place of each volume."""
        pairs = (volume.split(":") for volume in self.given.get("volumes", []))
        return [(parts[0], parts[1]) for parts in pairs]

    @property
    def in_memory(self) -> dict[str, str]:
        """Options by place of each folder in memory."""
        pairs = (str(one).partition(":") for one in self.given.get("tmpfs", []))
        return {place: options for place, _, options in pairs}

    @property
    def grace_s(self) -> float:
        return float(str(self.given.get("stop_grace_period", "10s")).removesuffix("s"))


def services() -> dict[str, Service]:
    return {name: Service(name, given) for name, given in document()["services"].items()}


def own() -> dict[str, Service]:
    """Those that run our images, each after those that it waits for."""
    ours = {name: one for name, one in services().items() if one.target}
    done: dict[str, Service] = {}

    def add(name: str) -> None:
        for before in services()[name].waits_for:
            add(before)
        if name in ours:
            done[name] = ours[name]

    for name in ours:
        add(name)
    return done
