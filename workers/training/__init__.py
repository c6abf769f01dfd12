"""The training engine: a cohort of networks together, in a native kernel or stacked PyTorch.

Imports the standard library, pydantic, `service.domain`, torch, safetensors, numpy, scipy and
scikit-learn; knows no SQL, Celery or environment, and HTTP only inside scikit-learn's OpenML.
Runs alone: `python -m workers.training spec.json`.
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
