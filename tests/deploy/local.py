"""The containers of the compose file as processes of this machine: the exact command with the exact
environment of each, and nothing of the developer's. What only a container has is mapped: addresses,
paths, and the folder of the programs."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT
from tests.deploy.compose import Service

Process = subprocess.Popen[bytes]


@dataclass(frozen=True, kw_only=True)
class Host:
    """This machine in the place of an engine. `addresses` says what stands, in the text of a
    command or of a variable, for what in the compose file."""

    folder: Path
    addresses: Mapping[str, str]
    port: int

    def start(self, service: Service) -> Process:
        self._make_places(service)
        return self._start(service, service.command)

    def run(self, service: Service) -> int:
        """Runs it to its end and returns its exit code."""
        return self.start(service).wait(120)

    def check(self, service: Service) -> int:
        """Runs its health check and returns the exit code: 0 is well."""
        assert service.health is not None
        return self._start(service, service.health).wait(60)

    def log(self, service: Service) -> str:
        return (self.folder / f"{service.name}.log").read_text(errors="replace")

    def _start(self, service: Service, command: list[str]) -> Process:
        words = [self._here(service, word) for word in command]
        if words[0] == "python":
            words[0] = sys.executable
        with (self.folder / f"{service.name}.log").open("ab") as log:
            return subprocess.Popen(
                words,
                cwd=self._place(service, "/var/lib/subgrad"),
                env=self._environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self, service: Service) -> dict[str, str]:
        given = {
            name: self._here(service, value)
            for name, value in service.environment.items()
            if name != "PATH"
        }
        programs = f"{Path(sys.executable).parent}:{os.defpath}"
        # Where an image has its packages; and the port that no other process here has.
        return given | {
            "PATH": programs,
            "PYTHONPATH": str(ROOT),
            "SUBGRAD_PORT": str(self.port),
        }

    def _here(self, service: Service, text: str) -> str:
        for there, here in self.addresses.items():
            text = text.replace(there, here)
        # The innermost first, for a volume may lie within another; and all at once, for what
        # stands here for one may hold another's name.
        places = sorted(self._places(service), key=len, reverse=True)
        if not places:
            return text
        found = re.compile("|".join(map(re.escape, places)))
        return found.sub(lambda place: str(self._place(service, place[0])), text)

    def _places(self, service: Service) -> list[str]:
        return [place for _, place in service.mounts] + list(service.in_memory)

    def _place(self, service: Service, place: str) -> Path:
        for source, mounted_at in service.mounts:
            if mounted_at == place and source.startswith("."):
                return ROOT / source
            if mounted_at == place:  # a named volume: one for all who mount it
                return self.folder / "volumes" / source
        return self.folder / service.name / place.strip("/").replace("/", "-")

    def _make_places(self, service: Service) -> None:
        for place in [*self._places(service), "/var/lib/subgrad"]:
            folder = self._place(service, place)
            if not folder.exists():
                folder.mkdir(parents=True)


def described(service: Service) -> str:
    return f"{service.name}: {shlex.join(service.command)}"
