"""What can be asked about studies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel

from service.client import calls
from service.client.calls import Call, Page
from service.domain.findings import Verdict
from service.domain.states import JobStatus
from service.domain.study import Scale, Study, StudyReport, TemplateDescription

_STUDIES = calls.at("v1", "studies")


class StudyTemplates(BaseModel):
    """The claims that can be tested."""

    templates: list[TemplateDescription]


def templates() -> Call[StudyTemplates]:
    """The claims that can be tested, and the options of each."""
    return calls.get(_STUDIES, StudyTemplates, limit=1)


def create(
    template: str,
    *,
    scale: Scale | str = Scale.QUICK,
    overrides: Mapping[str, Any] | None = None,
    priority: int = 0,
    idempotency_key: str | None = None,
) -> Call[Study]:
    """Starts a study. Sent again after a failure it is still started once: where no key is given
    the client makes one."""
    spec = {"template": template, "scale": str(scale), "overrides": dict(overrides or {})}
    return calls.post_spec(
        _STUDIES, Study, spec, priority=priority, idempotency_key=idempotency_key
    )


def get(study_id: str, *, wait_s: float | None = None) -> Call[Study]:
    """The study; with `wait_s` (up to 60) as soon as it has ended, or after that time."""
    call = calls.get(_study(study_id), Study, wait=wait_s)
    return replace(call, silence_s=wait_s or 0.0)


def list_all(
    *,
    template: str | None = None,
    status: JobStatus | None = None,
    verdict: Verdict | None = None,
    page_size: int = 50,
) -> Call[Page[Study]]:
    """All studies that match, newest first, page after page as they are asked for."""
    wanted = {"template": template, "status": status, "verdict": verdict}
    return calls.get(_STUDIES, Page[Study], limit=page_size, **wanted)


def report(study_id: str) -> Call[StudyReport]:
    """What it found. Raises NotFound before it has succeeded."""
    return calls.get(_study(study_id, "report"), StudyReport)


def export(study_id: str, *, form: Literal["markdown", "html"] = "markdown") -> Call[bytes]:
    """The report as a document's content."""
    return Call(
        method="GET",
        path=_study(study_id, "report"),
        headers={"Accept": f"text/{form}"},
        read=calls.content,
    )


def cancel(study_id: str) -> Call[Study]:
    """Ends it without a verdict, and cancels its jobs."""
    return calls.post(_study(study_id, "cancel"), Study)


def _study(study_id: str, *parts: str) -> str:
    return calls.at("v1", "studies", study_id, *parts)
