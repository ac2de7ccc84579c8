"""The kinds of report: each folder here is one, found by its name; nothing else has to be told of it.

The `__init__.py` of a folder holds `REPORT` (see `vru.reporting.model.Report`); its templates lie beside it.
"""
