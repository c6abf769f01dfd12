"""The HTTP interface: one router a resource, problem documents, events.

FastAPI lives here and nowhere else.
"""

from service.api.app import create_app

__all__ = ["create_app"]
