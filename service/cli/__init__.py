"""The command line: `subgrad`. But for `up`, `demo`, `keys`, `prune`, `artifacts` and `doctor` it
is a client of the HTTP API."""

from service.cli.program import app

from service.cli import exporting, jobs, keys, local, series, studies, sweeps  # isort: skip  (add commands)
from service.cli import datasets, examining, moving, pruning  # isort: skip  (the same)

__all__ = [
    "app",
    "datasets",
    "examining",
    "exporting",
    "jobs",
    "keys",
    "local",
    "moving",
    "pruning",
    "series",
    "studies",
    "sweeps",
]
