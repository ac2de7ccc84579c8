"""Reports for stakeholders: data, charts, pages. They read only what was published, and the ledger's views."""

from vru.reporting.write import KINDS, write_report

__all__ = ["KINDS", "write_report"]
