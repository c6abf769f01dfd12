"""A study's report as Markdown and as an HTML page that stands alone. Functions of the report and
nothing else: the same report is the same text, byte for byte."""

from service.studies.reports.html import STYLE_HASH, as_html
from service.studies.reports.markdown import as_markdown
from service.studies.reports.report import StudyReport, report_on

__all__ = ["STYLE_HASH", "StudyReport", "as_html", "as_markdown", "report_on"]
