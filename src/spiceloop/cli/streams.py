"""Standard output and error, made such that a command can rely on them.

Whatever they were opened as (closed, full, ASCII only): what cannot be written raises `OutputError`
once, and what was already said stays said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from spiceloop.errors import OutputError

__all__ = ["prepare", "require_output", "results", "results_alone", "settle", "writing"]

_alone: TextIO | None = None  # where results go while standard output is kept for them


def prepare() -> None:
    """Open what was closed, and let no character stop a message. Call once, at the start."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # else the next file to be opened, a study perhaps, gets this number
            os.open(os.devnull, os.O_RDWR)  # and with it whatever ngspice prints
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 -- for the whole process
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and _may_refuse(stream):
            stream.reconfigure(errors="backslashreplace")


def _may_refuse(stream: TextIO) -> bool:
    """Whether a character, such as the Ω of a unit or half of one in a name, may raise."""
    utf8 = stream.encoding.lower().replace("-", "") == "utf8"
    return stream.errors == "strict" or (stream.errors == "surrogateescape" and not utf8)


def require_output() -> None:
    """Raise `OutputError` where standard output was closed (``>&-``): before hours of work."""
    if sys.stdout is None:
        raise OutputError(
            "standard output is closed, and the result goes there; redirect it to a file, or to "
            "/dev/null"
        )


def results() -> TextIO:
    """Return the stream for results."""
    return _alone or sys.stdout


@contextmanager
def writing() -> Iterator[TextIO]:
    """Give the stream for results. Raises `OutputError` where it takes no more, but a gone reader.

    That one stays a `BrokenPipeError`.
    """
    try:
        yield results()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write to standard output: {error.strerror or error}; "
            "make room, or redirect it elsewhere"
        ) from error


@contextmanager
def results_alone() -> Iterator[None]:
    """Keep standard output for results; whatever else is printed goes to standard error.

    Python functions of a problem file may print, or have C code or another program do it, in this
    process, in its threads, and in evaluator processes: hence the file's number, which those
    inherit, and not only ``sys.stdout``.
    """
    global _alone
    before = sys.stdout
    settle()
    kept = os.dup(1)
    _alone = before
    if _number(before) == 1:
        _alone = open(  # noqa: SIM115 -- closed below
            kept, "w", encoding=before.encoding, errors=before.errors, closefd=False
        )
    sys.stdout = sys.stderr
    os.dup2(2, 1)
    try:
        yield
    finally:
        settle()
        os.dup2(kept, 1)
        os.close(kept)
        sys.stdout, _alone = before, None


def settle() -> None:
    """Write out what is waiting, or drop it: the interpreter must not stumble over it at exit."""
    for stream in (_alone, sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
                stream.flush()


def _number(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return None
