"""Which header of a file is which column of the contract."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from vru.contracts import Column, Resource, Unpivot
from vru.parsing.model import Unreadable
from vru.spelling import trimmed

MAX_SHOWN = 40
BLANKS = " \t\r\n"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

#: Letters of other alphabets that look like Latin ones, lower case (Unicode TR39 lists many more).
_LOOK_ALIKE = str.maketrans("аеорсухіјѕԁһкмтвнгαοικνρυχε", "aeopcyxijsdhkmtbhraoikvpuxe")

#: Long numbers and addresses: where the first line is no header, they may be someone's.
_LIKE_DATA = re.compile(r"@|\d(?:[ -]?\d){6,}")


@dataclass(frozen=True)
class HeaderMap:
    """Positions of the contract's columns in a record of `width` cells.

    `positions` has the columns that stand in the file, each with the cells that make it up; `unnamed` are columns
    without a name, which may hold nothing, and one of them running integers (`vru.parsing.unnamed`). `wide` has the
    headers of a wide record: position, and what its pattern read of the header, in the order of the file. `line` is
    that of the header.
    """

    positions: dict[str, tuple[int, ...]]
    width: int
    unknown: tuple[str, ...]
    unnamed: tuple[int, ...] = ()
    wide: dict[int, str] = field(default_factory=dict)
    line: int = 1

    @property
    def cells(self) -> dict[str, tuple[int, ...]]:
        """Every cell that is read: that of a column by its name, that of a wide record by its position."""
        return {**self.positions, **{str(position): (position,) for position in self.wide}}

    def records(self, rows: int) -> int:
        """How many records make about this many rows; at least one."""
        return max(1, rows // max(1, len(self.wide)))


def fold(header: str) -> str:
    """The form in which headers are compared: blanks around it removed, A-Z in lower case, nothing else."""
    return header.strip(BLANKS).translate(_LOWER)


def shown(header: str) -> str:
    """A header as it may stand in a message: printable, at most 40 characters, no long number or address."""
    text = "".join(c if c.isprintable() else "?" for c in header.strip(BLANKS))
    if _LIKE_DATA.search(text):
        return "(text that looks like data)"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def fits(resource: Resource, headers: Sequence[str]) -> bool:
    """Whether every required column of the resource stands among the headers, and one that its pattern wants."""
    present = {fold(h) for h in headers}
    if resource.unpivot is not None and not any(_wide_text(resource.unpivot, h) is not None for h in headers):
        return False
    return all(_alternatives(c, present) for c in resource.header_columns if c.required)


def unknown_column(name: str) -> str:
    """The warning about a column that the contract does not know."""
    return f"unknown column '{name}' was left out"


def match_header(resource: Resource, headers: Sequence[str], *, line: int = 1) -> HeaderMap:
    """Find the contract's columns among the headers of a file.

    Raises Unreadable for a duplicate or look-alike header, for a missing required column, and where no header
    of a wide record stands there.
    """
    folded = [fold(h) if trimmed(h) else "" for h in headers]
    _refuse_duplicates(headers, folded, line)
    where = {f: position for position, f in enumerate(folded) if f}
    positions: dict[str, tuple[int, ...]] = {}
    missing: list[Column] = []
    for column in resource.header_columns:
        found = _alternatives(column, where.keys())
        if len(found) > 1:
            raise Unreadable(
                "duplicate_header",
                f"column '{column.name}' stands there twice, under two of its aliases; ask the partner which one "
                "holds, and remove the other alias from the contract",
                line=line,
                column=column.name,
            )
        if found:
            positions[column.name] = tuple(where[part] for part in found[0])
        elif column.required:
            missing.append(column)
    used = {p for cells in positions.values() for p in cells}
    unknown = [position for position, f in enumerate(folded) if f and position not in used]
    wide: dict[int, str] = {}
    if resource.unpivot is not None:
        texts = {position: _wide_text(resource.unpivot, headers[position]) for position in unknown}
        wide = {position: text for position, text in texts.items() if text is not None}
        unknown = [position for position in unknown if position not in wide]
    _refuse_look_alikes(resource, [headers[p] for p in unknown], line)
    names = tuple(shown(headers[p]) for p in unknown)
    unnamed = tuple(position for position, f in enumerate(folded) if not f)
    if missing:
        raise _missing(missing, names, some_known=bool(positions), line=line)
    if resource.unpivot is not None and not wide:
        raise Unreadable(
            "missing_column",
            f"no header fits '{resource.unpivot.headers}', which tells the columns that become rows; compare the "
            "header with the contract",
            line=line,
            column=resource.unpivot.header_column,
        )
    return HeaderMap(positions, len(headers), names, unnamed, wide, line)


def _wide_text(unpivot: Unpivot, header: str) -> str | None:
    """What a header of a wide record says; None for any other header."""
    found = re.fullmatch(unpivot.headers, header.strip(BLANKS), re.IGNORECASE)
    return found and (found.group(1) if found.re.groups else found.group())


def _alternatives(column: Column, present: set[str] | object) -> list[list[str]]:
    """The ways in which the column stands among the folded headers."""
    ways = [[fold(part) for part in way] for way in column.headers]
    return [way for way in ways if all(part in present for part in way)]  # type: ignore[operator]


def _refuse_duplicates(headers: Sequence[str], folded: list[str], line: int) -> None:
    seen: set[str] = set()
    for header, f in zip(headers, folded, strict=True):
        if f and f in seen:
            name = shown(header)
            raise Unreadable(
                "duplicate_header",
                f"header '{name}' stands there twice; ask the partner to give every column its own name",
                line=line,
                column=name,
            )
        seen.add(f)


def _refuse_look_alikes(resource: Resource, unknown: list[str], line: int) -> None:
    """A header that only looks like a known one is a fault of the file, not a new column."""
    known = {fold(part): part for c in resource.header_columns for way in c.headers for part in way}
    for header in unknown:
        if header.isascii():
            continue
        alias = known.get(_skeleton(header))
        if alias is not None:
            raise Unreadable(
                "look_alike_header",
                f"a header looks like '{alias}' but holds other characters (a blank that does not break, one without "
                "width, or a letter of another alphabet); ask the partner to type it again",
                line=line,
                column=alias,
            )


def _skeleton(header: str) -> str:
    plain = unicodedata.normalize("NFKC", header)
    visible = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cc", "Mn"))
    return fold(visible.lower().translate(_LOOK_ALIKE))


def _missing(missing: list[Column], unknown: tuple[str, ...], *, some_known: bool, line: int) -> Unreadable:
    wanted = ", ".join(" or ".join(f"'{' + '.join(way)}'" for way in c.headers) for c in missing)
    if not some_known:
        # then the first line may be data, so that it must not be quoted
        return Unreadable(
            "missing_column",
            f"none of the contract's columns stands in the first line ({wanted} wanted); check that it is a header, "
            "and that the file belongs to this feed",
            line=line,
            column=missing[0].name,
        )
    found = f"; unknown headers there: {', '.join(repr(u) for u in unknown[:20])}" if unknown else ""
    return Unreadable(
        "missing_column",
        f"required column {wanted} is not in the header{found}; if it was renamed, add the new name to the aliases of "
        f"'{missing[0].name}' and raise contract_version",
        line=line,
        column=missing[0].name,
    )
