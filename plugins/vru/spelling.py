"""When two texts say the same: one rule of trimming and one of comparing words, for the parse and for SQL alike.

`trimmed` is what is stored and shown: no blank around it, one space for a run of blanks inside, nothing without width.
`compared` is how words and keys are matched: trimmed, without case, a dash of any kind a hyphen, `&` the word "and",
no full stops but those before a digit, no blank beside a hyphen or a slash. Migration `0010` has the same two as
`ops.trimmed` and `ops.compared`; a test holds both against each other for every character.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # contracts are read wherever a dag is parsed, where nothing heavy is imported
    import polars as pl

#: Line ends stay inside a text that is stored: an address or a note has lines.
LINE_ENDS = "\n\r\u2028\u2029"
#: Blanks that take room: Unicode's White_Space but for line ends, and the two blank letters that look like one.
BLANKS = (
    "\t\v\f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
    "\u2800\u3000\u3164"
)
#: Without width: blanks, marks of direction, and hyphens that are not shown.
INVISIBLE = (
    "\xad\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064"
    "\u2066\u2067\u2068\u2069\ufeff"
)
#: Joiners matter inside words of some scripts, so they are only left out where words are compared.
JOINERS = "\u200c\u200d"
#: Unicode's dashes, the minus signs among them, and the hyphen that lists are marked with.
DASHES = (
    "-\u02d7\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2053\u207b\u208b\u2212"
    "\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead"
)

_AROUND = BLANKS + LINE_ENDS + INVISIBLE + JOINERS
_ODD = f"[{BLANKS[:3]}{BLANKS[4:]}{INVISIBLE}]|  |^[{_AROUND}]|[{_AROUND}]$"
_UNSEEN = re.compile(f"[{INVISIBLE}]+")
_RUN = re.compile(f"[{BLANKS}]+")
_DASH = re.compile(f"[{re.escape(DASHES)}]")
_STOP = re.compile(r"\.(?![0-9])")
_ANY_RUN = re.compile(f"[{BLANKS}{LINE_ENDS}]+")
_BESIDE = re.compile("[ ]?([-/])[ ]?")


def trimmed(text: str) -> str:
    """The text as it is stored and shown."""
    return _RUN.sub(" ", _UNSEEN.sub("", text)).strip(_AROUND)


def compared(text: str) -> str:
    """The form in which words and keys are matched; the trimmed text where nothing else would be left of it."""
    text = trimmed(text)
    words = hyphenated(text.translate(_NO_JOINERS)).replace("&", " and ")
    words = _ANY_RUN.sub(" ", _STOP.sub("", words))
    return (_BESIDE.sub(r"\1", words).strip(" ") or text).casefold()


def hyphenated(text: str) -> str:
    """The text with a hyphen for a dash of any kind."""
    return text if text.isascii() else _DASH.sub("-", text)


_NO_JOINERS = dict.fromkeys(map(ord, JOINERS))


def trimmed_cells(cells: pl.Series) -> pl.Series:
    """The texts as they are stored; only those that trimming changes are worked on."""
    odd = cells.str.contains(_ODD)
    if not odd.any():
        return cells
    rows = odd.arg_true()
    worked = cells.gather(rows).str.replace_all(_UNSEEN.pattern, "").str.replace_all(_RUN.pattern, " ")
    return cells.clone().scatter(rows, worked.str.strip_chars(_AROUND))  # scatter works in place
