"""A typed client of the HTTP API, sync and async. Knows the domain's models and httpx."""

from service.client.calls import Event
from service.client.clients import AsyncSubgrad, Subgrad
from service.client.errors import (
    InvalidRequest,
    MoveRefused,
    NotAllowed,
    NotFound,
    Refused,
    ServiceFailed,
    StillRunning,
    SubgradError,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from service.client.job_calls import JobEvent
from service.client.retries import Retries
from service.client.service_calls import Health
from service.client.sweep_calls import SweepEvent

__all__ = [
    "AsyncSubgrad",
    "Event",
    "Health",
    "InvalidRequest",
    "JobEvent",
    "MoveRefused",
    "NotAllowed",
    "NotFound",
    "Refused",
    "Retries",
    "ServiceFailed",
    "StillRunning",
    "Subgrad",
    "SubgradError",
    "SweepEvent",
    "TooManyRequests",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
]
