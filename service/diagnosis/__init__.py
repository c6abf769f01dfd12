"""What went wrong with a job that has ended, what might cure it, and what a trial of that says.

Pure: a job's history goes in, findings come out. Knows no SQL and no HTTP.
"""

from service.diagnosis.diagnose import diagnose, treated
from service.diagnosis.history import EPOCH_NAMES, LAYER_NAMES, History
from service.diagnosis.trial import (
    Member,
    PlannedArm,
    choose_arms,
    plan_trial,
    quantities_of,
    read_trial,
    trial_seeds,
)

__all__ = [
    "EPOCH_NAMES",
    "LAYER_NAMES",
    "History",
    "Member",
    "PlannedArm",
    "choose_arms",
    "diagnose",
    "plan_trial",
    "quantities_of",
    "read_trial",
    "treated",
    "trial_seeds",
]
