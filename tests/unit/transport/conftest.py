"""A world with one partner for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.transport.partner import Partner, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A partner that listens, with nothing fetched yet."""
    partner = Partner()
    yield World(partner, tmp_path)
    partner.close()
