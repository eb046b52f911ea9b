"""What goes where: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "note", "print_json", "print_table", "print_text"]

_FILE_WIDTH = 160  # columns where the output is no terminal: tables are not to be cut at 80


def print_text(text: str) -> None:
    """Write a result for people to standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Write a remark that is not a result to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def console(*, error: bool = False) -> Console:
    """Return a rich console on standard output, or on standard error."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else _FILE_WIDTH, highlight=False, emoji=False
    )


def print_table(table: Table) -> None:
    """Write a table to standard output."""
    console().print(table)


def print_json(document: object) -> None:
    """Write the one JSON document of a ``--json`` run; NaN and infinities become null."""
    json.dump(_plain(document), sys.stdout, indent=2, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    """Turn paths, tuples, NumPy scalars and not-a-numbers into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
