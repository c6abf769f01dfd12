"""What can be said about a spec before it runs. Knows no HTTP and no SQL."""

from service.planning.admission import check, warn

__all__ = ["check", "warn"]
