"""Makes a drawn SVG safe and readable inside a page: a short list of elements and attributes, nothing else.

Whatever is not on the list is dropped, so no script, link, style, event handler or outside address can come
through, whoever wrote the words in the picture.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

NAMESPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "g", "path", "rect", "line", "circle", "text", "tspan", "defs", "clipPath", "title", "desc"}
ATTRIBUTES = {
    "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "viewBox", "transform",
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
    "stroke-linejoin", "stroke-miterlimit", "opacity", "text-anchor", "dominant-baseline", "font-size",
    "font-weight", "font-style", "font-family", "id", "clip-path", "dx", "dy",
}  # fmt: skip
_LOCAL_REFERENCE = re.compile(r"url\(#[A-Za-z0-9_-]+\)")
_DECIMALS = re.compile(r"(-?\d+)\.(\d)\d+")


def safe_svg(drawn: str, *, name: str, title: str, description: str, css_class: str = "") -> str:
    """``drawn`` as one `<svg role="img">` that scales with its box.

    ``name`` prefixes every id, so two pictures on a page never share one. Numbers keep one decimal, which is a
    tenth of a pixel. Raises ElementTree.ParseError if ``drawn`` is not XML.
    """
    root = ElementTree.fromstring(drawn)  # noqa: S314 (drawn by us, not received)
    box = root.get("viewBox") or f"0 0 {root.get('width')} {root.get('height')}"
    clean = _clean(root, name)
    clean.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": box,
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-desc",
        "focusable": "false",
    }
    if css_class:
        clean.set("class", css_class)
    for tag, words in (("desc", description), ("title", title)):
        element = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        element.text = words
        clean.insert(0, element)
    return ElementTree.tostring(clean, encoding="unicode", short_empty_elements=True)


def _clean(element: ElementTree.Element, name: str) -> ElementTree.Element:
    kept = ElementTree.Element(element.tag.removeprefix(NAMESPACE))
    kept.text = element.text if kept.tag in ("text", "tspan") else None
    for key, value in element.attrib.items():
        if key not in ATTRIBUTES:
            continue
        if "(" in value and key in ("fill", "stroke", "clip-path"):
            if not _LOCAL_REFERENCE.fullmatch(value):
                continue
            value = value.replace("url(#", f"url(#{name}-")
        if key == "id":
            value = f"{name}-{value}"
        if key in ("d", "transform", "x", "y", "width", "height", "x1", "x2", "y1", "y2"):
            value = _DECIMALS.sub(r"\1.\2", value)
        kept.set(key, value)
    for child in element:
        if child.tag.removeprefix(NAMESPACE) in ELEMENTS - {"title", "desc"} and not _is_empty(child):
            cleaned = _clean(child, name)
            cleaned.tail = child.tail if kept.tag in ("text", "tspan") else None
            kept.append(cleaned)
    return kept


def _is_empty(element: ElementTree.Element) -> bool:
    """Vega writes many groups and paths that draw nothing."""
    tag = element.tag.removeprefix(NAMESPACE)
    if tag == "path":
        return not element.get("d")
    return tag == "g" and all(_is_empty(child) for child in element)
