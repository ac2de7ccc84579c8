"""What is done to the bytes of a clean GeoJSON file: what `changes.py` does to delimited text, as far as it can be.

A record is a feature, a column a property, the header the names of the properties.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.feed import CANARY_RECORD, RECORD_SEPARATOR, RECORDS, Change, Feed, collection, features

Feature = dict[str, Any]
Edit = Callable[[Feed, Feature], None]
"""Changes one feature in place."""

EMPTY: Feature = {"type": "Feature", "geometry": None, "properties": {}}


def no_features(feed: Feed, content: bytes) -> bytes:
    """A collection of nothing."""
    return collection([])


def without_last(feed: Feed, content: bytes) -> bytes:
    """The last feature is missing, and the collection closed behind the one before."""
    return collection(features(content)[:-1])


def cut_mid_feature(feed: Feed, content: bytes) -> bytes:
    """The last feature stops in its properties."""
    return content[: content.rindex(b'"properties"') + 20]


def cut_mid_character(feed: Feed, content: bytes) -> bytes:
    """The file stops after the first byte of an e acute in the last name."""
    return content[: content.rindex(b" ")] + "é".encode()[:1]


def in_feature(edit: Edit, record: int = CANARY_RECORD, every: int | None = None) -> Change:
    """One feature changed, or every so many from it on."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = features(content)
        for feature in found[record :: every or RECORDS]:
            edit(feed, feature)
        return collection(found)

    return change


def on_note(new: Callable[[str], Any], record: int = CANARY_RECORD) -> Change:
    """The note of one feature changed."""
    return on_property(lambda feed: feed.note, new, record)


def on_property(name: Callable[[Feed], str], new: Callable[[Any], Any], record: int = CANARY_RECORD) -> Change:
    """A property of one feature changed."""

    def edit(feed: Feed, feature: Feature) -> None:
        feature["properties"][name(feed)] = new(feature["properties"][name(feed)])

    return in_feature(edit, record)


def inserted(feature: Feature, record: int = CANARY_RECORD) -> Change:
    """One more feature in front of another."""
    return lambda feed, content: collection([*features(content)[:record], feature, *features(content)[record:]])


def newline_in_padded(newline: str, *, every: int | None = None) -> Change:
    """A newline between the words of the padded property."""

    def edit(feed: Feed, feature: Feature) -> None:
        properties = feature["properties"]
        properties[feed.padded] = properties[feed.padded].replace(" ", f" {newline}", 1)

    return in_feature(edit, 0 if every else CANARY_RECORD, every)


def in_note_bytes(new: Callable[[bytes], bytes], record: int = CANARY_RECORD) -> Change:
    """The bytes of a note, with its quotes, changed as they stand in the file."""

    def change(feed: Feed, content: bytes) -> bytes:
        name = f'"{feed.note}":'.encode()
        parts = content.split(name)
        cell, rest = parts[record + 1].split(b",", 1)
        parts[record + 1] = b",".join([new(cell), rest])
        return name.join(parts)

    return change


def on_note_bytes(words: str, codec: str) -> Change:
    """The note of one feature in another encoding than the rest."""
    return in_note_bytes(lambda cell: f'"{words}"'.encode(codec))


def without_required(feed: Feed, content: bytes) -> bytes:
    """No feature has a required property."""
    return in_feature(lambda feed, feature: feature["properties"].pop(feed.required), 0, 1)(feed, content)


def one_property_less(feed: Feed, feature: Feature) -> None:
    """A property is missing."""
    del feature["properties"][feed.filled]


def bad_typed(feed: Feed, feature: Feature) -> None:
    """Words for a boundary."""
    feature[feed.typed] = "Quillfeather shape"


def renamed_required(new: Callable[[str], str]) -> Change:
    """A required property has another name."""
    return lambda feed, content: content.replace(
        f'"{feed.required}":'.encode(), f'"{new(feed.required)}":'.encode()
    )  # fmt: skip


def lower_case_names(feed: Feed, content: bytes) -> bytes:
    """The names of the properties in small letters; those of GeoJSON itself as they were."""

    def edit(feed: Feed, feature: Feature) -> None:
        feature["properties"] = {name.lower(): value for name, value in feature["properties"].items()}

    return in_feature(edit, 0, 1)(feed, content)


def with_properties(names: list[str], value: Callable[[int], Any], *, at_front: bool = False, every: int = 1) -> Change:
    """More properties; `value` makes theirs from the number of the feature."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = features(content)
        for number, feature in list(enumerate(found))[CANARY_RECORD % every :: every]:
            new = dict.fromkeys(names, value(number))
            own = feature["properties"]
            feature["properties"] = {**new, **own} if at_front else {**own, **new}
        return collection(found)

    return change


def in_two_pages(first: Change, second: Change, on_first: int = RECORDS // 2) -> Change:
    """A sequence of two pages, as an answer is kept that came page by page, each changed by itself."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = features(content)
        halves = ((first, found[:on_first]), (second, found[on_first:]))
        return b"".join(RECORD_SEPARATOR + edit(feed, collection(half)) + b"\n" for edit, half in halves)

    return change


def without_optional(feed: Feed, content: bytes) -> bytes:
    """No feature has the property that the contract does not require."""
    return in_feature(lambda feed, feature: feature["properties"].pop(optional(feed)), 0, 1)(feed, content)


def optional(feed: Feed) -> str:
    """A property that the contract does not require; empty where it requires all."""
    names = (feed.header(column.name) for column in feed.declared.columns if not column.required)
    return next((name for name in names if name), "")


def reordered(order: Callable[[Feed, list[str]], list[str]]) -> Change:
    """The properties of every feature in another order."""

    def edit(feed: Feed, feature: Feature) -> None:
        own = feature["properties"]
        feature["properties"] = {name: own[name] for name in order(feed, list(own))}

    return in_feature(edit, 0, 1)


def comma_after_every_feature(feed: Feed, content: bytes) -> bytes:
    """A comma after the last feature too."""
    return content.replace(b"}]}", b"},]}")


def spread(feed: Feed, content: bytes) -> bytes:
    """A property to a line, lines ended by CR LF."""
    return content.replace(b',"', b',\r\n"')


def before_feature(record: int, text: bytes) -> Change:
    """Bytes put in front of a feature."""

    def change(feed: Feed, content: bytes) -> bytes:
        mark = b'{"type":"Feature",'
        parts = content.split(mark)
        return mark.join(parts[: record + 1]) + text + mark + mark.join(parts[record + 1 :])

    return change
