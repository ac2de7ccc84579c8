"""Imports point one way: a package may import those above it, and `contracts`, `warehouse` and the plain modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "plugins" / "vru"
ORDER = (
    "contracts", "landing", "transport", "parsing", "warehouse", "quality", "transform", "linkage", "statistics",
    "disclosure", "reporting", "pipeline", "trial", "orchestration", "commands", "cli", "__main__",
)  # fmt: skip
ANYWHERE = ("settings", "errors", "files", "documents", "spelling", "periods", "received", "contracts", "warehouse")
"""What every package may import: where things are, how steps end, how a file is put in its place, how YAML is read,
when two texts say the same, calendar units, what is said of received bytes, what a feed promises, and the database."""
BESIDE = {"clock": ("sandbox",), "profile": ()}
"""Plain modules beside the packages, and what more they may import."""


def imports(path: Path) -> set[str]:
    """First-level vru names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            parts = node.module.split(".")
            if parts[0] == "vru":
                found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("vru.")}
    return found


def files() -> list[tuple[str, Path]]:
    """(package or module, file) of everything in the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        name = relative.parts[0] if len(relative.parts) > 1 else relative.stem
        if name != "__init__":
            found.append((name, path))
    return found


@pytest.mark.parametrize(("package", "path"), files(), ids=lambda value: str(getattr(value, "name", value)))
def test_no_import_points_down(package: str, path: Path) -> None:
    used = imports(path) - {package}
    if package == "sandbox":
        assert not used, "the sandbox must not be able to agree with the reader by construction"
        return
    allowed = set(ANYWHERE)
    if package in ORDER:
        allowed |= set(ORDER[: ORDER.index(package)])
        if ORDER.index(package) >= ORDER.index("pipeline"):
            allowed |= {"clock", "profile", "sandbox"}
    elif package in BESIDE:
        allowed |= set(BESIDE[package])
    assert used <= allowed, f"{path.name} imports {sorted(used - allowed)}"


def test_every_room_is_in_the_order() -> None:
    rooms = {package for package, _ in files()}
    assert rooms <= {*ORDER, *ANYWHERE, *BESIDE, "sandbox"}


def test_only_orchestration_imports_airflow() -> None:
    for package, path in files():
        text = path.read_text(encoding="utf-8")
        if package != "orchestration":
            assert "import airflow" not in text, path.name
            assert "from airflow" not in text, path.name


def test_advisory_locks_are_taken_in_one_place() -> None:
    """So that the decision record that lists them is whole; SQL takes one in functions that give it back themselves."""
    for _package, path in files():
        if path.name not in ("locks.py", "roles.py"):
            assert "_advisory_" not in path.read_text(encoding="utf-8"), path.name


WITHIN_QUALITY = (
    "errors", "checks.sql", "checks.subject", "checks.base", "checks.rows", "checks.tables", "checks.deliveries",
    "checks.vintages", "checks.units", "checks.restated", "checks.periods", "checks.names", "checks", "checks.document",
    "suites", "scaffold", "batch", "told", "verdict", "gate", "runner", "stability", "withholding", "quarantine",
    "disputes", "settle", "restated", "recheck", "audit", "marts", "docs", "",
)  # fmt: skip
"""Modules of `quality`, each of which may import those before it and no other, at its top or later."""


def modules_of_quality() -> dict[str, Path]:
    """Every module by its name below `vru.quality`; the package itself is ''."""
    room = PACKAGE / "quality"
    found = {}
    for path in sorted(room.rglob("*.py")):
        parts = path.relative_to(room).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_modules_of_quality_import_in_order() -> None:
    modules = modules_of_quality()
    assert set(modules) == set(WITHIN_QUALITY)
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("vru.quality"):
                continue
            below = (node.module or "").removeprefix("vru.quality").removeprefix(".")
            for alias in node.names:
                inner = f"{below}.{alias.name}".removeprefix(".")
                used = inner if inner in modules else below
                assert WITHIN_QUALITY.index(used) < WITHIN_QUALITY.index(name), f"quality/{name} imports {used}"
