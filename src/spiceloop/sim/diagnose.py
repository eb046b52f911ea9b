"""Turn ngspice's output into a verdict. All wording that depends on its version is here.

Written against ngspice 39; the patterns keep to words that 36 to 45 share. ngspice reports
errors as text only: the exit status of a control block says nothing, and the commands behind a
failed analysis run on with what earlier ones left. So one failed analysis fails the whole run.
"""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Mapping, Sequence

from spiceloop.errors import FailureKind, SimulationError

__all__ = ["crash", "failure", "pick_measures", "timeout", "warnings_in"]

# The netlist was refused. The text behind each is what a person reads first.
_DECK = (
    (r"could not find include file|(?:can't|cannot) open include", "an included file is missing"),
    (
        r"(?:could not find|cannot find) library file|library file .* not found",
        "a library file is missing",
    ),
    (r"section definition .* not found", "the library has no such section"),
    (r"unknown subckt|unknown subcircuit", "unknown subcircuit"),
    (r"undefined parameter|undefined number", "undefined parameter"),
    (r"mismatch of \.subckt", "a .subckt without .ends, or the reverse"),
    (r"^\s*error on line|^\s*fatal error on line", "ngspice refused a line of the netlist"),
    (
        r"cannot compute substitute|expression err|formula\(\) error",
        "an expression cannot be computed",
    ),
    (
        r"there aren't any circuits loaded|no circuit loaded|circuit not parsed",
        "no circuit was loaded",
    ),
    (r"simulation interrupted due to error|stopped due to error", "ngspice refused the netlist"),
    (r"no lines in input|empty (?:netlist|circuit)", "the netlist is empty"),
)
_DECK_PATTERNS = tuple((re.compile(p, re.IGNORECASE), text) for p, text in _DECK)
_LINE_ERROR = re.compile(r"^\s*(?:fatal )?error on line", re.IGNORECASE)

_ABORTED = re.compile(r"^\s*(\w+) simulation\(s\) aborted", re.IGNORECASE)
_REASON = re.compile(r"^\s*doAnalyses:\s*(?:(\w+):)?\s*(.*)", re.IGNORECASE)
_NO_CONVERGENCE = re.compile(
    r"timestep too small|no convergence|iteration limit|singular matrix|step(?:ping)? failed"
    r"|matrix is singular|too many iterations|solution failed|failed to converge",
    re.IGNORECASE,
)
_FATAL = re.compile(r"cannot recover|^\s*fatal error|out of memory|can't allocate", re.IGNORECASE)
_ERROR_LINE = re.compile(r"^\s*error\b|\berror:|\bfailed\b|no such vector", re.IGNORECASE)
_WARNING = re.compile(r"^\s*warning\b", re.IGNORECASE)
# "Warning:" lines of the search for an operating point; not worth a reader's time if it succeeds.
_STEPPING = re.compile(r"gmin|source step|singular matrix", re.IGNORECASE)


def failure(lines: Sequence[str], *, fatal: bool = False) -> SimulationError | None:
    """Return why the run failed, or None. ``fatal``: ngspice gave up by itself."""
    aborted = next((i for i, line in enumerate(lines) if _ABORTED.match(line)), None)
    found = _deck_error(lines if aborted is None else lines[:aborted])
    if found:
        return found
    if aborted is not None:
        return _analysis_error(lines, aborted)
    if fatal:
        return SimulationError(
            FailureKind.CRASH, "ngspice ended with a fatal error", line=_last_error(lines)
        )
    return None


def _deck_error(lines: Sequence[str]) -> SimulationError | None:
    for number, line in enumerate(lines):
        for pattern, text in _DECK_PATTERNS:
            if pattern.search(line):
                # The offending card and the reason follow on lines of their own.
                behind = lines[number : number + 3] if _LINE_ERROR.match(line) else [line]
                said = " / ".join(part.strip() for part in behind if part.strip())
                return SimulationError(FailureKind.DECK, text, line=said)
    return None


def _analysis_error(lines: Sequence[str], aborted: int) -> SimulationError:
    match = _ABORTED.match(lines[aborted])
    analysis = match.group(1).lower() if match else ""
    previous = next((i for i in range(aborted - 1, -1, -1) if _ABORTED.match(lines[i])), -1)
    own = lines[previous + 1 : aborted]
    reason = next((m for line in reversed(own) if (m := _REASON.match(line))), None)
    if reason and reason.group(1):
        analysis = reason.group(1).lower()
    said = reason.group(0).strip() if reason else _last_error(own) or lines[aborted].strip()
    if _NO_CONVERGENCE.search(said):
        kind, text = FailureKind.NO_CONVERGENCE, "the analysis did not converge"
    elif any("singular matrix" in line.lower() for line in own) and not _error(own):
        kind, text = FailureKind.NO_CONVERGENCE, "the circuit's matrix is singular"
    else:
        kind, text = FailureKind.DECK, "ngspice could not do the analysis"
        said = _last_error(own) or said
    return SimulationError(kind, text, line=said, analysis=analysis)


def _error(lines: Sequence[str]) -> bool:
    return any(_ERROR_LINE.search(line) for line in lines)


def _last_error(lines: Sequence[str]) -> str:
    found = [line.strip() for line in lines if _ERROR_LINE.search(line) or _FATAL.search(line)]
    plain = [line for line in found if not _FATAL.search(line)]
    return (plain or found or [""])[-1]


def timeout(seconds: float, lines: Sequence[str]) -> SimulationError:
    """The run was killed after ``seconds`` of wall clock."""
    return SimulationError(
        FailureKind.TIMEOUT,
        f"the simulation took longer than {seconds:g} s and was stopped; "
        "raise the time limit or shorten the analysis",
        line=_last_line(lines),
    )


def crash(returncode: int | None, lines: Sequence[str]) -> SimulationError:
    """The simulator's process ended by itself; ``returncode`` as `subprocess` states it.

    A deck error that kills ngspice is reported as a deck error.
    """
    known = failure(lines)
    if known:
        return known
    number = -(returncode or 0)
    if returncode is not None and returncode > 128:  # as a shell states a signal
        number = returncode - 128
    try:
        cause = f"was ended by signal {signal.Signals(number).name}"
    except ValueError:
        cause = f"ended with exit status {returncode}"
    return SimulationError(FailureKind.CRASH, f"ngspice {cause}", line=_last_line(lines))


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def warnings_in(lines: Sequence[str]) -> tuple[str, ...]:
    """Return ngspice's warnings, once each, but for those of the operating-point search."""
    found = (line.strip() for line in lines if _WARNING.match(line) and not _STEPPING.search(line))
    return tuple(dict.fromkeys(found))


def pick_measures(
    wanted: Sequence[str],
    found: Mapping[str, float],
    failed: Mapping[str, str],
    lines: Sequence[str],
) -> None:
    """Check that every wanted measure (normal names) is there and finite.

    Raises `SimulationError` of kind ``missing-measure`` or ``not-a-number``.
    """
    for name in wanted:
        if name not in found:
            said = failed.get(name) or _line_about(name, lines)
            known = ", ".join(sorted(k for k in found if "(" not in k)[:12])
            raise SimulationError(
                FailureKind.MISSING_MEASURE,
                f"no measure {name!r} in the results (there are: {known or 'none'})",
                line=said,
            )
        if not math.isfinite(found[name]):
            raise SimulationError(
                FailureKind.NOT_A_NUMBER,
                f"measure {name!r} is {found[name]}",
                line=_line_about(name, lines),
            )


def _line_about(name: str, lines: Sequence[str]) -> str:
    """Return ngspice's last complaint that names the measure, with the reason in front of it.

    An error that names nothing still is the best hint when there is no better one.
    """
    word = re.compile(rf"(?<![\w.#]){re.escape(name)}(?![\w#])", re.IGNORECASE)
    best = -1
    for number, line in enumerate(lines):
        if word.search(line) and not _ABORTED.match(line):
            best = number
    if best >= 0:
        reason = lines[best - 1].strip() if best > 0 and _error(lines[best - 1 : best]) else ""
        return " / ".join(filter(None, (reason, lines[best].strip())))
    return _last_error(lines)
