"""The command line: `subgrad`. But for `up`, `demo`, `keys`, `prune` and `doctor` it is a client
of the HTTP API."""

from service.cli.program import app

from service.cli import exporting, jobs, keys, local, series, studies, sweeps  # isort: skip  (add commands)
from service.cli import examining, pruning  # isort: skip  (the same)

__all__ = [
    "app",
    "examining",
    "exporting",
    "jobs",
    "keys",
    "local",
    "pruning",
    "series",
    "studies",
    "sweeps",
]
