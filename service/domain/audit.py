"""A line of the audit log."""

from pydantic import Field

from service.domain.base import DomainModel
from service.domain.job import UtcTime


class Change(DomainModel):
    """A change that was asked for and made."""

    id: str
    at: UtcTime
    owner: str = Field(description="In whose name")
    key_id: str | None = Field(description="By which key; null where none was needed")
    method: str
    path: str
    resource_id: str | None = Field(description="What was made, where the path does not say it")
    request_id: str
