"""Studies: the templates, submit, list, read, report, cancel."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field

from service.api.body import PostedStudyDep
from service.api.conditional import ETAG, NOT_MODIFIED, IfMatch, ReadingDep, require_match
from service.api.dependencies import (
    AccessDep,
    DatabaseDep,
    IdempotencyKey,
    Priority,
    SettingsDep,
    StudyId,
)
from service.api.examples import studies as examples
from service.api.negotiation import choose
from service.api.openapi import LOCATION, STUDY_BODY, STUDY_LINKS, answer_with, problems
from service.api.pagination import NextCursor, PageQuery, read_page
from service.api.validation import describe_override_errors, describe_spec_errors
from service.db import studies
from service.domain.findings import Verdict
from service.domain.states import JobStatus
from service.domain.study import Study, StudyReport, TemplateDescription
from service.studies import templates
from service.studies.planning import plan_study
from service.studies.reports import STYLE_HASH, as_html, as_markdown, report_on

router = APIRouter(prefix="/v1/studies", tags=["studies"])

_JSON, _MARKDOWN, _HTML = "application/json", "text/markdown", "text/html"
# The page is its one style sheet, drawings and links.
_REPORT_POLICY = (
    f"default-src 'none'; style-src '{STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class StudyQuery(PageQuery):
    """Which studies to list, and which page of them."""

    template: Annotated[str | None, Field(max_length=100)] = None
    status: JobStatus | None = None
    verdict: Verdict | None = None


class StudyPage(BaseModel):
    """What can be studied, and the studies that there are, newest first."""

    templates: list[TemplateDescription]
    data: list[Study]
    next_cursor: NextCursor


@router.post(
    "",
    response_model=Study,
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=STUDY_BODY,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.QUEUED_STUDY, LOCATION, STUDY_LINKS),
        **problems(
            "malformed_json",
            "body_too_large",
            "request_timeout",
            "unsupported_media_type",
            "invalid_spec",
            "spec_rejected",
            "idempotency_conflict",
        ),
    },
)
def submit_study(
    *,
    posted: PostedStudyDep,
    settings: SettingsDep,
    database: DatabaseDep,
    access: AccessDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    priority: Priority = 0,
) -> Study:
    """Test a claim. Its sweeps are posted and its conclusions drawn by the service itself; what
    can be refused is refused now."""
    planned = plan_study(
        posted.study,
        settings.limits,
        most_jobs=settings.max_queued_jobs,
        describe_options=describe_override_errors,
        describe_member=describe_spec_errors,
    )
    idempotency = (idempotency_key, posted.digest) if idempotency_key else None
    with database.writing() as session:
        study = studies.submit(
            session,
            posted.study,
            claim=planned.template.claim,
            options=planned.options.model_dump(mode="json"),
            priority=priority,
            owner=access.owner,
            idempotency=idempotency,
        )
    response.headers["Location"] = f"/v1/studies/{study.id}"
    return study


@router.get("", responses={HTTPStatus.OK: answer_with(examples.STUDY_PAGE), **problems()})
def list_studies(query: Annotated[StudyQuery, Query()], database: DatabaseDep) -> StudyPage:
    """List the templates, and the studies, newest first."""
    wanted = studies.StudyFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with database.reading() as session:
        data, following = read_page(session, studies.list_newest_first, wanted, query, "std")
    return StudyPage(
        templates=[one.describe() for one in templates().values()],
        data=data,
        next_cursor=following,
    )


@router.get(
    "/{study_id}",
    response_model=Study,
    responses={
        HTTPStatus.OK: answer_with(examples.STUDY, ETAG, STUDY_LINKS),
        **NOT_MODIFIED,
        **problems("study_not_found"),
    },
)
async def read_study(study_id: StudyId, reading: ReadingDep) -> Response:
    """Read a study, at once or when it has ended."""
    return await reading.answer(studies.find, studies.has_ended, study_id)


_REPORTS: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {
        "content": {
            _JSON: {"example": examples.REPORT},
            _MARKDOWN: {"schema": {"type": "string"}, "example": examples.REPORT_MARKDOWN},
            _HTML: {"schema": {"type": "string"}, "example": examples.REPORT_HTML},
        }
    }
}


@router.get(
    "/{study_id}/report",
    response_model=StudyReport,
    responses={**_REPORTS, **problems("study_not_found", "report_not_written")},
)
def read_report(
    study_id: StudyId,
    database: DatabaseDep,
    accept: Annotated[str | None, Header(alias="Accept", include_in_schema=False)] = None,
) -> Response:
    """Read what a study found; or the same as Markdown, or as an HTML page that stands alone, by
    `Accept`. Read twice, it is the same to the byte."""
    form = choose(accept, (_JSON, _MARKDOWN, _HTML))
    with database.reading() as session:
        report = report_on(*studies.read_findings(session, study_id))
    headers = {"Vary": "Accept"}
    if form == _JSON:
        return Response(report.model_dump_json(), media_type=_JSON, headers=headers)
    if form == _MARKDOWN:
        return Response(as_markdown([report]), media_type=_MARKDOWN, headers=headers)
    policy = {"Content-Security-Policy": _REPORT_POLICY}
    return Response(as_html([report]), media_type=_HTML, headers=headers | policy)


@router.post(
    "/{study_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.CANCELLED_STUDY, links=STUDY_LINKS),
        **problems("study_not_found", "move_refused", "precondition_failed"),
    },
)
def cancel_study(study_id: StudyId, database: DatabaseDep, if_match: IfMatch = None) -> Study:
    """End a study without a verdict, and cancel its jobs."""
    with database.writing() as session:
        require_match(if_match, session, studies.find_locked, study_id)
        return studies.cancel(session, study_id)
