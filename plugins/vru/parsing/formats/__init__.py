"""The formats that are read, by the kind that a contract names. A new one is a module and a model of its options."""

from __future__ import annotations

from vru.parsing.formats import csv, geojson, json, workbook
from vru.parsing.formats.base import Format

FORMATS: dict[str, Format] = {"csv": csv, "geojson": geojson, "json": json, "workbook": workbook}
