"""The gate: nothing reaches a mart that no check has seen.

Suites in `expectations/` say what must hold and why. `audit` runs one on the rows of a new batch, in SQL, with
Great Expectations, which is imported on first use only (it takes seconds). Rows that fail go to quarantine; a
critical failure holds the batch, and what was current before stays current.
"""

from vru.quality.audit import admit, audit, audit_here
from vru.quality.docs import data_docs
from vru.quality.errors import QualityError
from vru.quality.marts import audit_build
from vru.quality.recheck import recheck_later, recheck_stated_again
from vru.quality.suites import SuiteError
from vru.quality.verdict import FailedCheck, Verdict

__all__ = [
    "FailedCheck",
    "QualityError",
    "SuiteError",
    "Verdict",
    "admit",
    "audit",
    "audit_build",
    "audit_here",
    "data_docs",
    "recheck_later",
    "recheck_stated_again",
]
