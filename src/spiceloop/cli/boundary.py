"""The error boundary: every exception becomes a message in plain words and an exit code.

========  ======================================================================
exit code meaning
========  ======================================================================
0         done
1         an error of spiceloop's own, or the reader of a pipe went away
2         something the user wrote is wrong (`InputError`, wrong options)
3         ngspice, its library or the PDK is missing (`SetupError`)
4         a simulation failed (`SimulationError`)
5         the study or a result cannot be written (`StorageError`, disk full, output closed)
130       interrupted by Ctrl-C
========  ======================================================================
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress

from typer import BadParameter

from spiceloop.cli.console import note, print_json
from spiceloop.cli.streams import require_output, results_alone, settle, writing
from spiceloop.errors import OutputError, ProblemError, SimulationError, SpiceloopError

__all__ = ["INTERRUPTED", "guarded"]

INTERRUPTED = 130  # what a shell reports for a process ended by SIGINT

# Usage errors: Typer carries its own copy of Click, or Click itself, depending on its version.
_UsageError = BadParameter.__mro__[1]
_BROKEN_PIPE = 1
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def guarded(run: Callable[[], object], *, json: bool, debug: bool) -> int:
    """Call ``run`` and return the exit code; what it returns counts if it is a number.

    With ``json`` an error is one JSON document on standard output, otherwise text on standard
    error; nothing else is on standard output then. With ``debug`` the traceback is shown too.
    """
    with results_alone() if json and sys.stdout else nullcontext():
        try:
            return _guarded(run, json=json, debug=debug)
        finally:
            settle()


def _guarded(run: Callable[[], object], *, json: bool, debug: bool) -> int:
    try:
        require_output()
        result = run()
        with writing() as out:
            out.flush()
    except KeyboardInterrupt:
        return _tell("interrupted", "KeyboardInterrupt", INTERRUPTED, json=json)
    except BrokenPipeError:
        return _BROKEN_PIPE  # our output's reader went away (`spiceloop examples | head -1`)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        message, code = _explain(error)
        readable = json and not isinstance(error, OutputError)
        return _tell(message, type(error).__name__, code, json=readable, more=_details(error))
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> tuple[str, int]:
    """Message and exit code of an exception."""
    if isinstance(error, SpiceloopError):
        return str(error), error.exit_code
    if isinstance(error, _UsageError):
        return f"{error.format_message()} (see --help)", 2  # type: ignore[attr-defined]
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}", 5 if error.errno in _NO_ROOM else 2
    return (
        f"unexpected {type(error).__name__}: {error}\n"
        "This is a fault of spiceloop. Run the same command with --debug to see where, and report\n"
        "both together with what `spiceloop doctor` prints."
    ), 1


def _details(error: Exception) -> dict[str, object]:
    """What the JSON document of some errors says besides."""
    if isinstance(error, ProblemError):
        return {"mistakes": error.mistakes}
    if isinstance(error, SimulationError):
        return {"kind": error.kind.value, "line": error.line, "testbench": error.deck}
    return {}


def _tell(
    message: str, error: str, code: int, *, json: bool, more: Mapping[str, object] | None = None
) -> int:
    try:
        if json:
            said = {"type": error, "message": message, "exit_code": code, **(more or {})}
            print_json({"error": said})
            with writing() as out:
                out.flush()
            return code
    except BrokenPipeError:
        return _BROKEN_PIPE
    except OutputError:
        pass  # then to standard error
    with suppress(OSError):  # which may be full or closed too
        note(f"spiceloop: {message}")
    return code
