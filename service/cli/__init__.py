"""The command line: `subgrad`. But for `up`, `demo` and `keys` it is a client
of the HTTP API."""

from service.cli.program import app

from service.cli import exporting, jobs, keys, local, series, studies, sweeps  # isort: skip  (add commands)

__all__ = ["app", "exporting", "jobs", "keys", "local", "series", "studies", "sweeps"]
