"""Airflow assets: what a task changed, and what waits for it."""

from __future__ import annotations

from airflow.sdk import Asset


def raw(feed: str) -> Asset:
    """The admitted rows of a feed."""
    return Asset(name=f"raw/{feed}", uri=f"vru://raw/{feed}", group="vru")


MARTS = Asset(name="marts", uri="vru://marts", group="vru")
"""The marts in use."""
