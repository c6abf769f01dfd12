"""The command line: `subgrad up` and `subgrad demo`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from service import logs
from service.embedded import launcher
from service.embedded.demo import show
from service.embedded.processes import ProcessKeepsDying
from service.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Subgrad on this machine.")


@app.command()
def up() -> None:
    """Bring the whole service up in the foreground; Ctrl-C ends it."""
    settings = Settings()
    logs.configure(settings)
    stop = launcher.stop_on_signals()
    typer.echo(f"Subgrad: http://{settings.host}:{settings.port}/  (docs at /docs, Ctrl-C ends)")
    _run(lambda: launcher.serve(settings, stop=stop))


@app.command()
def demo(
    picture: Annotated[
        Path | None, typer.Option(help="Also save the table as an SVG picture.")
    ] = None,
) -> None:
    """Train four jobs through the real service and show what was measured."""
    settings = Settings()
    logs.configure(settings, level="WARNING")
    _run(lambda: show(settings, stop=launcher.stop_on_signals(), picture=picture))


def _run(work: Callable[[], None]) -> None:
    try:
        work()
    except (launcher.CannotStart, ProcessKeepsDying) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
