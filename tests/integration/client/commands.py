"""`subgrad`, as a user or a program starts it."""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.settings import Settings

PROGRAM = [sys.executable, "-m", "service.cli"]


@dataclass(frozen=True, kw_only=True)
class Ran:
    code: int
    out: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """Runs commands against one service, which the environment names."""

    def __init__(self, url: str) -> None:
        self.environment = Settings(url=url).as_environment()

    def __call__(
        self,
        *arguments: str,
        stdin: str | bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env=self.environment | dict(environment or {}),
            capture_output=True,
            timeout=120,
            check=False,
        )
        ran = Ran(code=done.returncode, out=done.stdout.decode(), errors=done.stderr.decode())
        assert "Traceback" not in ran.errors
        return ran


def is_readable(text: str) -> bool:
    """Whether it fits 80 columns and holds no control character besides the ends of lines."""
    return all(
        len(line) <= 80 and not any(unicodedata.category(c) == "Cc" for c in line)
        for line in text.split("\n")
    )
