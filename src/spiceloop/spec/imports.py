"""Which files beside a Python file it imports, as its text says: what its results depend on too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["imported_beside"]


def imported_beside(file: Path) -> list[Path]:
    """Return the modules of the file's own folder that it imports, and those that they import.

    Read off the text, for what a session has imported depends on what ran in it. Modules from
    elsewhere are installed, and not looked at.
    """
    found: list[Path] = []
    todo = [file]
    while todo:
        for module in _imports(todo.pop(), file.parent):
            if module != file and module not in found:
                found.append(module)
                todo.append(module)
    return sorted(found)


def _imports(file: Path, folder: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name.split("."), folder)
        elif isinstance(node, ast.ImportFrom):
            above = file.parents[: node.level]
            package = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from _files([*package, alias.name], above[-1] if above else folder)


def _files(parts: list[str], folder: Path) -> Iterator[Path]:
    """Yield each file on the way of a dotted name that lies in the folder."""
    for part in parts:
        package = folder / part / "__init__.py"
        module = folder / f"{part}.py"
        yield from (each for each in (package, module) if each.is_file())
        folder = folder / part
