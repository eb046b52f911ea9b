"""What goes where: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiceloop.cli.streams import results, writing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "note", "print_json", "print_table", "print_text"]

_FILE_WIDTH = 160  # columns where the output is no terminal: tables are not to be cut at 80


def print_text(text: str) -> None:
    """Write a result for people to standard output."""
    with writing() as out:
        out.write(text + "\n")


def note(text: str) -> None:
    """Write a remark that is not a result to standard error.

    A log that is full does not end hours of work; that nobody reads it any more does.
    """
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        raise
    except OSError:
        pass


def console(*, error: bool = False) -> Console:
    """Return a rich console on standard output, or on standard error."""
    from rich.console import Console

    stream = sys.stderr if error else results()
    return Console(
        file=stream, width=None if stream.isatty() else _FILE_WIDTH, highlight=False, emoji=False
    )


def print_table(table: Table) -> None:
    """Write a table to standard output."""
    with writing():
        console().print(table)


def print_json(document: object) -> None:
    """Write the one JSON document of a ``--json`` run; NaN and infinities become null."""
    plain = _plain(document)
    text = json.dumps(plain, indent=2, allow_nan=False, ensure_ascii=False)
    with writing() as out:
        try:
            text.encode(out.encoding or "utf-8")
        except UnicodeEncodeError:  # an ASCII terminal; a file's name that is no UTF-8
            text = json.dumps(plain, indent=2, allow_nan=False)
        out.write(text + "\n")


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
