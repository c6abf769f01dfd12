"""What is wrong with an installation, and what to do about it: `subgrad doctor`."""

from service.doctor.finding import Finding, Verdict
from service.doctor.here import examine_here
from service.doctor.there import examine_there

__all__ = ["Finding", "Verdict", "examine_here", "examine_there"]
