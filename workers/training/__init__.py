"""The training engine: a cohort of networks as one stacked tensor program, in pure PyTorch.

Imports the standard library, pydantic, `service.domain`, torch, numpy and scikit-learn; knows no
HTTP, SQL, Celery or environment. Runs alone: `python -m workers.training spec.json`.
"""

from workers.training.cohort import Cohort, Member
from workers.training.control import Control
from workers.training.device import DeviceUnavailable, select_device
from workers.training.engine import Keeping, Store, train

__all__ = [
    "Cohort",
    "Control",
    "DeviceUnavailable",
    "Keeping",
    "Member",
    "Store",
    "select_device",
    "train",
]
