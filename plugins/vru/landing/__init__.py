"""Every byte ever received, kept under its sha256."""

from vru.landing.store import Landed, Landing, LandingError, Receiver

__all__ = ["Landed", "Landing", "LandingError", "Receiver"]
