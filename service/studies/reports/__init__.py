"""A study's report as Markdown and as an HTML page that stands alone. Functions of the report and
nothing else: the same report is the same text, byte for byte."""

from service.studies.reports.html import STYLE_HASH, as_html
from service.studies.reports.markdown import as_markdown, as_overview
from service.studies.reports.report import report_on

__all__ = ["STYLE_HASH", "as_html", "as_markdown", "as_overview", "report_on"]
