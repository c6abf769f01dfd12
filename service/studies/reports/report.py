"""What a report is made from."""

from typing import Annotated

from pydantic import Field

from service.domain.base import DomainModel
from service.domain.findings import Findings
from service.domain.study import Study
from service.studies.registry import templates


class StudyReport(DomainModel):
    """A study that has succeeded, and what it found."""

    study: Study
    source: Annotated[str, Field(description="Where the claim, or its contrary, is made")]
    statistic: Annotated[str, Field(description="What was computed, and what decides")]
    findings: Findings

    @property
    def title(self) -> str:
        return f"{self.study.template}: {self.findings.verdict.value}"


def report_on(study: Study, findings: Findings) -> StudyReport:
    """With what its template says of itself, where this version of the service has it."""
    template = templates().get(study.template)
    about = template.describe() if template else None
    return StudyReport(
        study=study,
        source=about.source if about else "",
        statistic=" ".join(about.statistic.split()) if about else "",
        findings=findings,
    )
