"""What can be said about a spec before it runs. Knows no HTTP and no SQL."""

from service.planning.admission import check, warn
from service.planning.costs import Pace, TrainedEpoch, plan_job, plan_sweep
from service.planning.sweeps import Member, expand

__all__ = [
    "Member",
    "Pace",
    "TrainedEpoch",
    "check",
    "expand",
    "plan_job",
    "plan_sweep",
    "warn",
]
