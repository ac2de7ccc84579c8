"""Reports for stakeholders: data, charts, pages. They read only what was published, and the ledger's views."""

from vru.reporting.model import ReportError
from vru.reporting.ready import make_ready
from vru.reporting.registry import kinds
from vru.reporting.write import write_report

__all__ = ["ReportError", "kinds", "make_ready", "write_report"]
