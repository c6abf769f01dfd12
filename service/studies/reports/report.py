"""What a report is made from."""

from service.domain.findings import Findings
from service.domain.study import Study, StudyReport
from service.studies.registry import templates


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
