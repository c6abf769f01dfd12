"""An empty database of each kind."""

from tests.migrations.schemas import empty, empty_url

__all__ = ["empty", "empty_url"]
