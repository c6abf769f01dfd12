"""The command line: `subgrad`. But for `up`, `demo` and `keys` it is a client
of the HTTP API."""

from service.cli.program import app

from service.cli import jobs, keys, local, series, studies, sweeps  # isort: skip  (they add their commands)

__all__ = ["app", "jobs", "keys", "local", "series", "studies", "sweeps"]
