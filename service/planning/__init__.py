"""What can be said about a spec before it runs. Knows no HTTP and no SQL."""

from service.planning.admission import check, warn
from service.planning.sweeps import Member, expand, points

__all__ = ["Member", "check", "expand", "points", "warn"]
