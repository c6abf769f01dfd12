"""The program that the commands belong to: what they share, and how each of them can end."""

import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from typer.core import TyperGroup

from service.cli.text import plain
from service.client import Refused, Retries, Subgrad, SubgradError, Unreachable
from service.settings import Settings


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    """The job, or a member of the sweep, failed or was cancelled; the service could not start."""
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    NOT_UNDERSTOOD = 5
    INTERRUPTED = 130


_EPILOG = (
    "Exit codes: 0 done (a job that diverged is a result); 1 the job or a member of the sweep "
    "failed or was cancelled, or the service could not start; 2 the command was not understood; "
    "3 the service is not reachable; 4 the service refused; 5 its answer was not understood; "
    "130 interrupted."
)


class Commands(TyperGroup):
    """Turns what goes wrong into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        # A name, say, that the terminal's encoding has no letter for.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except Refused as problem:
            fail(ExitCode.REFUSED, *_describe(problem))
        except Unreachable as error:
            hint = "Start one with `subgrad up`, or name another with --url or SUBGRAD_URL."
            fail(ExitCode.UNREACHABLE, str(error), hint)
        except SubgradError as error:
            fail(ExitCode.NOT_UNDERSTOOD, str(error))
        except KeyboardInterrupt:
            fail(ExitCode.INTERRUPTED, "Interrupted. What was submitted goes on.")


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Train small networks as a service, and see what their kinks do.",
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
)

Url = Annotated[
    str | None,
    typer.Option(
        "--url", help="The service. Else SUBGRAD_URL, else what `subgrad up` brings up here."
    ),
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="Sent as a bearer token. Else SUBGRAD_API_KEY.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON and nothing else.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what it would cost; store nothing.")]
Watch = Annotated[bool, typer.Option("--watch", help="Follow it until it has ended.")]
Priority = Annotated[int, typer.Option(help="Higher goes first in the queue: -100 to 100.")]
Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same key and file again: submitted once."),
]
SpecFile = Annotated[
    str, typer.Argument(metavar="FILE", help="JSON, as the API takes it; - reads standard input.")
]


def connect(url: str | None, api_key: str | None) -> Subgrad:
    """A client of the service that the options, or else the settings, name."""
    settings = read_settings()
    try:
        return Subgrad(
            url or settings.service_url,
            api_key=api_key or settings.api_key or None,
            # A person waits: somebody who is not there is told of after a second.
            retries=Retries(most=3),
        )
    except ValueError as error:
        fail(ExitCode.USAGE, str(error))


def read_settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"SUBGRAD_{'__'.join(map(str, one['loc'])).upper()}: {one['msg']}"
            for one in error.errors(include_url=False)
        ]
        fail(ExitCode.USAGE, "The environment holds settings that cannot be.", *lines)


def read_file(file: str) -> bytes:
    """What the file holds. Whether it is what is asked for is the service's to say."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        fail(ExitCode.USAGE, f"Cannot read {file}: {error.strerror}.")


def console() -> Console:
    """Standard output for people: 80 columns and no colours where it is no terminal."""
    return Console(markup=False, highlight=False, emoji=False)


def fail(code: ExitCode, *lines: str) -> NoReturn:
    """Ends the program with a message."""
    for line in lines:
        typer.echo(plain(line), err=True)
    raise typer.Exit(code)


def _describe(problem: Refused) -> list[str]:
    told = [f"{one.pointer or 'the request'}: {one.detail}" for one in problem.errors]
    # The detail repeats the first of them.
    lines = [problem.title, *(f"  {one}" for one in told)] if told else [str(problem)]
    if problem.retry_after_s is not None:
        lines.append(f"Try again in {problem.retry_after_s:g} s.")
    trace = f", request {problem.request_id}" if problem.request_id else ""
    return [*lines, f"({problem.code or 'no problem document'}, HTTP {problem.status}{trace})"]
