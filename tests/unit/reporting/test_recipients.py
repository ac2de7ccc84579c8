"""Who may receive reports: anything unclear means nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from vru.reporting.recipients import RecipientError, recipients

APPROVED = "domains: [example.org]\nrecipients: [one@example.org, Two@Example.org, three@elsewhere.example]\n"


@pytest.fixture
def approved(tmp_path: Path) -> Path:
    """An approved list, closed to others."""
    path = tmp_path / "approved_recipients.yml"
    path.write_text(APPROVED, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_approved_addresses_are_taken_once_each(approved: Path) -> None:
    assert recipients(" one@example.org, TWO@example.org,one@EXAMPLE.org ", approved) == [
        "one@example.org",
        "two@example.org",
    ]


def test_nobody_is_to_receive_reports_unless_it_is_said(tmp_path: Path) -> None:
    assert recipients(" , ", tmp_path / "missing.yml") == []


@pytest.mark.parametrize(
    "wanted",
    [
        "one@example.org, new@example.org",  # domain approved, person not
        "one@example.org, three@elsewhere.example",  # person approved, domain not
        "one@examp1e.org",
        "one@exаmple.org",  # a Cyrillic a
        "one@example.org.evil.example",
        "one@example.org\r\nBcc: new@example.org",
        "One <one@example.org>",
        "one@example.org;two@example.org",
        "one",
    ],
)
def test_one_address_that_is_not_approved_stops_all(approved: Path, wanted: str) -> None:
    with pytest.raises(RecipientError, match="nothing was mailed to anyone") as caught:
        recipients(wanted, approved)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "recipients: [one@example.org]\n",
        "domains: example.org\nrecipients: [one@example.org]\n",
        "domains: [example.org]\nrecipients: [1]\n",
        "domains: [example.org]\nrecipients: [one@example.org]\nmore: []\n",
        "domains: [example.org\n",
    ],
)
def test_a_list_that_cannot_be_relied_on_approves_nobody(approved: Path, content: str) -> None:
    approved.write_text(content, encoding="utf-8")
    with pytest.raises(RecipientError):
        recipients("one@example.org", approved)


def test_a_missing_list_approves_nobody(tmp_path: Path) -> None:
    with pytest.raises(RecipientError, match="no list of approved recipients"):
        recipients("one@example.org", tmp_path / "missing.yml")


def test_a_list_that_others_can_change_approves_nobody(approved: Path) -> None:
    approved.chmod(0o620)
    with pytest.raises(RecipientError, match="chmod 600"):
        recipients("one@example.org", approved)
