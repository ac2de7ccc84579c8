"""Workbooks as containers: which sheets there are, and each as bytes that stay the same while its cells do."""

from vru.landing.workbook.book import Workbook
from vru.landing.workbook.checked import Kind, WorkbookError, WorkbookLimits, is_workbook, kind_of
from vru.landing.workbook.sheet import MAGIC

__all__ = ["MAGIC", "Kind", "Workbook", "WorkbookError", "WorkbookLimits", "is_workbook", "kind_of"]
