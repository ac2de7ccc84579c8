"""The real open data that figures are compared with. It is no part of the repository: tests skip where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from vru.settings import CHECKOUT

NAMED = os.environ.get("VRU_REAL_DATA")
REAL = Path(NAMED) if NAMED else CHECKOUT.parent / "shared" / "real"
"""Its folder: the one that VRU_REAL_DATA names, else `shared/real` beside the checkout."""

IS_HERE = (REAL / "control_totals.csv").is_file()
if NAMED and not IS_HERE:
    raise RuntimeError(f"VRU_REAL_DATA names {REAL}, which holds no control_totals.csv; correct it or unset it")

MISSING = "the real open data is not here: set VRU_REAL_DATA to its folder"
needs_real_data = pytest.mark.skipif(not IS_HERE, reason=MISSING)
