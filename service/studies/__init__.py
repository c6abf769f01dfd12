"""Claims, the sweeps that test them, statistics and verdicts. Knows no SQL and no HTTP."""

from service.domain.evidence import Record, UnitHistory
from service.studies.evidence import Evidence, Reader, Run, Runs
from service.studies.notebook import Notebook
from service.studies.registry import find_template, templates
from service.studies.sample import Sample, across
from service.studies.template import MOST_ROUNDS, Options, Sweeps, Template, sweep

__all__ = [
    "MOST_ROUNDS",
    "Evidence",
    "Notebook",
    "Options",
    "Reader",
    "Record",
    "Run",
    "Runs",
    "Sample",
    "Sweeps",
    "Template",
    "UnitHistory",
    "across",
    "find_template",
    "sweep",
    "templates",
]
