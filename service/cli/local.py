"""The commands that run the service on this machine: `up` and `demo`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from service.cli.program import ExitCode, app, fail, read_settings

# What runs the service (SQLAlchemy, Celery's client, …) takes most of a second to import, and
# every other command, completion of each Tab included, would wait for it: so not up here.


@app.command()
def up() -> None:
    """Bring the whole service up in the foreground; Ctrl-C ends it."""
    from service.embedded import launcher  # noqa: PLC0415
    from service.observability import logs  # noqa: PLC0415

    settings = read_settings()
    logs.configure(settings.log_format)
    stop = launcher.stop_on_signals()
    typer.echo(f"Subgrad: {settings.local_url}/  (docs at /docs, Ctrl-C ends)")
    _run(lambda: launcher.serve(settings, stop=stop))


@app.command()
def demo(
    picture: Annotated[
        Path | None, typer.Option(help="Also save the table as an SVG picture.")
    ] = None,
) -> None:
    """Train four jobs through the real service and show what was measured."""
    from service.embedded import launcher  # noqa: PLC0415
    from service.embedded.demo import show  # noqa: PLC0415
    from service.observability import logs  # noqa: PLC0415

    settings = read_settings()
    logs.configure(settings.log_format, level="WARNING")
    _run(lambda: show(settings, stop=launcher.stop_on_signals(), picture=picture))


def _run(work: Callable[[], None]) -> None:
    from service.embedded.launcher import CannotStart  # noqa: PLC0415
    from service.embedded.processes import ProcessKeepsDying  # noqa: PLC0415

    try:
        work()
    except (CannotStart, ProcessKeepsDying) as error:
        fail(ExitCode.FAILED, str(error))
