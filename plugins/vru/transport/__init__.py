"""How bytes are got from a partner: over HTTP by kind of source, or from a folder."""

from vru.transport.fetch import fetch, has_only_the_present
from vru.transport.limits import Limits
from vru.transport.model import Asked, History, Landing, LastAnswer, Progress, Shelved
from vru.transport.names import match

__all__ = [
    "Asked",
    "History",
    "Landing",
    "LastAnswer",
    "Limits",
    "Progress",
    "Shelved",
    "fetch",
    "has_only_the_present",
    "match",
]
