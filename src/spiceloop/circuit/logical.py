"""Logical lines: continuation joined, comments told apart, and where each line stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spiceloop.circuit.includes import BLANK, Line, Source, ends_nothing, strip_comment

__all__ = ["LogicalLine", "join_lines"]

_END_CONTROL = re.compile(r"\.endc(?![A-Za-z0-9_])", re.IGNORECASE | re.ASCII)
_CONTROL = re.compile(r"\.control", re.IGNORECASE | re.ASCII)
_SUBCKT = re.compile(r"\.subckt", re.IGNORECASE | re.ASCII)
_ENDS = re.compile(r"\.ends", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class LogicalLine:
    """One card or command. ``rows`` are the indices of its physical lines.

    ``raw`` is the joined text with its end-of-line comments, ``text`` without them. ``control`` is
    True inside a ``.control`` block, ``depth`` counts the enclosing ``.subckt``.
    """

    text: str
    raw: str
    source: Source
    rows: tuple[int, ...]
    control: bool
    depth: int

    @property
    def word(self) -> str:
        """The first word in lower case: a dot card, a command, or an element's name."""
        return self.text.split(maxsplit=1)[0].lower() if self.text else ""


@dataclass
class _Open:
    """A logical line while its continuation lines are being collected."""

    source: Source
    control: bool
    depth: int
    rows: list[int]
    raw: list[str]

    def close(self) -> LogicalLine:
        text = " ".join(strip_comment(r, control=self.control).strip(BLANK) for r in self.raw)
        return LogicalLine(
            text.strip(BLANK),
            " ".join(self.raw),
            self.source,
            tuple(self.rows),
            self.control,
            self.depth,
        )


def join_lines(lines: Sequence[Line]) -> tuple[LogicalLine, ...]:
    """Join continuation lines (``+``, or ``\\\\`` at a line's end); leave out title and comments.

    ``.end`` is a comment. ``*#`` lines stay: ngspice executes them as commands. The card
    ``.control`` itself counts as outside its block, ``.endc`` too.
    """
    found: list[LogicalLine] = []
    pending: _Open | None = None
    control, depth, carried = False, 0, False
    for index, line in enumerate(lines):
        bare = line.text.strip(BLANK)
        if not bare or line.slot:
            continue
        if (carried or bare.startswith("+") or bare == "\\\\") and pending:
            carried = bare.endswith("\\\\")
            pending.raw.append(bare.removesuffix("\\\\").removeprefix("+").strip(BLANK))
            pending.rows.append(index)
            continue
        carried = False
        dollar = bool(control and re.match(r"\$[^ \t]", bare))
        if (bare.startswith("*#") or dollar) and index:
            # A comment to the joining of lines, a command (or, the $, close to one) afterwards.
            found.append(_Open(line.source, True, depth, [index], [bare]).close())
            continue
        if index == 0 or bare[0] in "*$" or ends_nothing(bare):
            continue
        if pending:
            found.append(pending.close())
            depth = _nesting(found[-1], depth)
        carried = bare.endswith("\\\\")
        bare = bare.removesuffix("\\\\").rstrip(BLANK)
        if control and _END_CONTROL.match(bare):
            control = False
        pending = _Open(line.source, control, depth, [index], [bare])
        control = control or bool(_CONTROL.match(bare))
    if pending:
        found.append(pending.close())
    return tuple(found)


def _nesting(line: LogicalLine, depth: int) -> int:
    if line.control:
        return depth
    if _SUBCKT.match(line.text):
        return depth + 1
    if _ENDS.match(line.text):
        return max(0, depth - 1)
    return depth
