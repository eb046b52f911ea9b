"""Turn ngspice's output into a verdict. All wording that depends on its version is here.

Checked on recorded output of ngspice 39.3 and 45.2 (``tests/data``); the patterns keep to words
that both use, so the versions between should read alike. What 45 says differently: a place ("in
line no. 5 from file deck.cir", "Error on line 5 or its substitute:"), the matrix solver's name
after each analysis' first line, one more line between a missing ``.ends`` and its card.

ngspice reports errors as text only: the exit status of a control block says nothing, and the
commands behind a failed analysis run on with what earlier ones left. So one failed analysis fails
the whole run.
"""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Mapping, Sequence

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import FailureKind, SimulationError
from spiceloop.sim.vector_names import spellings

__all__ = ["crash", "failure", "how_it_ended", "pick_measures", "timeout", "warnings_in"]

# The netlist was refused: words that a line must hold, all of them, in lower case, and what it
# means. Plain words and not patterns, because a log can have a hundred thousand lines.
_LOOK = "look for a floating node or a loop of voltage sources, or loosen .options (gmin, reltol)"
_UNDEFINED = "a parameter that no .param defines; correct its name, or define it in the deck"
_DECK = (
    (("could not find include file",), "an included file is missing"),
    (("library file", "not found"), "a library file is missing"),
    (("section definition", "not found"), "the library has no such section"),
    (
        ("unknown subckt",),
        "a subcircuit that nothing defines; correct its name, or .include its file",
    ),
    (("undefined parameter",), _UNDEFINED),
    (("undefined number",), _UNDEFINED),
    (('closing "}" not found',), "an expression begins with { and has no }"),
    (("mismatch of .subckt",), "a .subckt without .ends, or the reverse"),
    (("error on line",), "ngspice refused a line of the netlist"),
    (("cannot compute substitute",), "an expression cannot be computed"),
    (("expression err",), "an expression cannot be computed"),
    (("there aren't any circuits loaded",), "no circuit was loaded"),
    (("no circuit loaded",), "no circuit was loaded"),
    (("circuit not parsed",), "no circuit was loaded"),
    (("simulation interrupted due to error",), "ngspice refused the netlist"),
    (("stopped due to error",), "ngspice refused the netlist"),
    (("no lines in input",), "the netlist is empty"),
)
_MORE_LINES = {"error on line": 3, "mismatch of .subckt": 4}  # the card is among them

_OF_EXPRESSIONS = (
    "undefined parameter",
    "undefined number",
    "cannot compute substitute",
    "expression err",
)
_MEASURING = re.compile(r"\s*measurements for ", re.IGNORECASE)
_SIMULATING = re.compile(r"\s*(circuit:|doing analysis)", re.IGNORECASE)
_ABORTED = re.compile(r"^\s*(\w+) simulation\(s\) aborted", re.IGNORECASE)
_REASON = re.compile(r"^\s*doAnalyses:\s*(?:(\w+):)?\s*(.*)", re.IGNORECASE)
_NO_CONVERGENCE = re.compile(
    r"timestep too small|no convergence|iteration limit|singular matrix|step(?:ping)? failed"
    r"|matrix is singular|too many iterations|solution failed|failed to converge",
    re.IGNORECASE,
)
_NO_MEMORY = re.compile(r"\w*: internal error: can't allocate [^\n]*")
_GAVE_UP = ("fatal error in ngspice", "cannot recover and awaits")  # in lower case
_COMPLAINT = re.compile(
    r"\berror\b|failed|warning|no such|not available|invalid|out of interval|\bnan\b|\binf",
    re.IGNORECASE,
)
_ERROR_LINE = re.compile(r"^\s*error\b|\berror:|\bfailed\b|no such vector", re.IGNORECASE)
_WARNING = re.compile(r"^\s*warning\b", re.IGNORECASE)
# "Warning:" lines of the search for an operating point; not worth a reader's time if it succeeds.
_NAMED = 12  # names listed in a message
_STEPPING = re.compile(r"gmin|source step|singular matrix", re.IGNORECASE)


def failure(lines: Sequence[str], *, fatal: bool = False) -> SimulationError | None:
    """Return why the run failed, or None. ``fatal``: ngspice gave up by itself."""
    # The log as one text says faster than line by line that nothing is wrong, which is the rule.
    text = "\n".join(lines).lower()
    if "internal error: can't allocate" in text and (memory := _NO_MEMORY.search(text)):
        return SimulationError(
            FailureKind.CRASH,
            "ngspice ran out of memory; save fewer vectors (.save), simulate a shorter time or "
            "larger steps, or use fewer --workers",
            line=memory.group(),
        )
    aborted = None
    if "aborted" in text:
        aborted = next((i for i, line in enumerate(lines) if _ABORTED.match(line)), None)
    found = _deck_error(lines if aborted is None else lines[:aborted], text)
    if found:
        return found
    if aborted is not None:
        return _analysis_error(lines, aborted)
    if fatal or _gave_up(text):
        return SimulationError(
            FailureKind.CRASH, "ngspice ended with a fatal error", line=_last_error(lines)
        )
    return None


def _deck_error(lines: Sequence[str], text: str) -> SimulationError | None:
    """Look for a refused netlist in ``lines``; ``text`` has them, and maybe more, in lower case."""
    likely = [(words, what) for words, what in _DECK if words[0] in text]
    measuring = False
    for number, line in enumerate(lines if likely else ()):
        low = line.lower()
        if _MEASURING.match(line):
            measuring = True
        elif _SIMULATING.match(line):
            measuring = False
        for words, what in likely:
            if measuring and words[0] in _OF_EXPRESSIONS:
                continue  # a measure computed from one that failed: it is missing, no more
            if all(word in low for word in words):
                # The offending card and the reason follow on lines of their own.
                said = [part.strip() for part in lines[number : number + 6] if part.strip()]
                more = _MORE_LINES.get(words[0], 1)
                return SimulationError(FailureKind.DECK, what, line=" / ".join(said[:more]))
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
        kind, text = FailureKind.NO_CONVERGENCE, f"the analysis did not converge; {_LOOK}"
    elif any("singular matrix" in line.lower() for line in own) and not _error(own):
        kind, text = FailureKind.NO_CONVERGENCE, f"the circuit's matrix is singular; {_LOOK}"
    else:
        kind, text = FailureKind.DECK, "ngspice could not do the analysis"
        hints = [line.strip() for line in own if _WARNING.match(line)]
        said = _last_error(own) or (hints or [said])[-1]
    return SimulationError(kind, text, line=said, analysis=analysis)


def _gave_up(text: str) -> bool:
    return any(words in text for words in _GAVE_UP)


def _error(lines: Sequence[str]) -> bool:
    return any(_ERROR_LINE.search(line) for line in lines)


def _last_error(lines: Sequence[str]) -> str:
    found = [line.strip() for line in lines if _ERROR_LINE.search(line)]
    plain = [line for line in found if not _gave_up(line.lower())]
    return (plain or found or [""])[-1]


def timeout(seconds: float, lines: Sequence[str]) -> SimulationError:
    """The run was killed after ``seconds`` of wall clock."""
    return SimulationError(
        FailureKind.TIMEOUT,
        f"the simulation took longer than {seconds:g} s and was stopped; "
        "raise timeout: of the testbench (or --timeout), or shorten the analysis",
        # The last line of any kind is as a rule a result, and no reason.
        line=next((line.strip() for line in reversed(lines) if _COMPLAINT.search(line)), ""),
    )


def crash(returncode: int | None, lines: Sequence[str]) -> SimulationError:
    """The simulator's process ended by itself; ``returncode`` as `subprocess` states it.

    A deck error that kills ngspice is reported as a deck error.
    """
    known = failure(lines)
    if known:
        return known
    cause = how_it_ended(returncode)
    return SimulationError(FailureKind.CRASH, f"ngspice {cause}", line=_last_line(lines))


def how_it_ended(returncode: int | None) -> str:
    """Say in words how a process ended by itself."""
    number = -(returncode or 0)
    if returncode is not None and returncode > 128:  # as a shell states a signal
        number = returncode - 128
    try:
        cause = f"was ended by signal {signal.Signals(number).name}"
        if number == signal.SIGKILL:
            cause += "; the system may be out of memory (fewer --workers need less)"
    except ValueError:
        cause = f"ended with exit status {returncode}"
    return cause


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def warnings_in(lines: Sequence[str]) -> tuple[str, ...]:
    """Return ngspice's warnings, once each, but for those of the operating-point search."""
    likely = [line for line in lines if "arning" in line or "ARNING" in line]
    found = (line.strip() for line in likely if _WARNING.match(line) and not _STEPPING.search(line))
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
            said = _lines_about(name, lines) or failed.get(name) or _last_error(lines)
            raise SimulationError(
                FailureKind.MISSING_MEASURE,
                f"no measure {name!r} in the results{did_you_mean(name, found)} "
                f"(there are: {_list(found)}); correct the measure, or look at the curve: "
                "`spiceloop simulate --waves FILE`",
                line=said,
            )
        if not math.isfinite(found[name]):
            raise SimulationError(
                FailureKind.NOT_A_NUMBER,
                f"measure {name!r} is {found[name]}",
                line=_lines_about(name, lines),
            )


def _list(found: Mapping[str, float]) -> str:
    """Name what was measured; nodes and device vectors would crowd the measures out."""
    names = sorted((k for k in found if "(" not in k), key=lambda k: ("@" in k or "#" in k, k))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "none") + more


def _lines_about(name: str, lines: Sequence[str]) -> str:
    """Return ngspice's last two complaints about a name; a reason may stand in front of one."""
    names = "|".join(re.escape(n) for n in (name, *spellings(name)))
    word = re.compile(rf"(?<![\w.#])(?:{names})(?![\w#])", re.IGNORECASE)
    said: dict[str, None] = {}
    for number, line in enumerate(lines):
        if _COMPLAINT.search(line) and word.search(line):
            before = lines[number - 1] if number else ""
            if _COMPLAINT.search(before) and not word.search(before):
                said[before.strip()] = None
            said[line.strip()] = None
    return " / ".join([*said][-2:])
