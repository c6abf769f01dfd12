"""The command line: `subgrad`. But for `up` and `demo` it is a client of the HTTP API."""

from service.cli.program import app

from service.cli import jobs, local, series, sweeps  # isort: skip  (they add their commands)

__all__ = ["app", "jobs", "local", "series", "sweeps"]
