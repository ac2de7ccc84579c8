"""The monthly report on the quality of the data: which partner's is poor, late or silent, and what the figures say."""

from vru.reporting.reports.quality.page import QualityReport

REPORT = QualityReport()
