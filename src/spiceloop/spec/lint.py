"""``check``: everything that can be said about a problem before it is simulated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import TEMPERATURE, Library, Netlist
from spiceloop.circuit.params import FUNCTIONS, assignments
from spiceloop.circuit.pdk.registry import find_process, get_process
from spiceloop.circuit.suffixes import suspicious_numbers
from spiceloop.errors import DesignError, InputError, ProblemError, SetupError
from spiceloop.spec.corners import Corner
from spiceloop.spec.functions import load_function
from spiceloop.spec.names import find_routes, unknown_parameters
from spiceloop.spec.problem import Problem

__all__ = ["Finding", "lint"]

_SECTION = re.compile(
    rb"^[ \t]*\.lib[ \t]+[\"']?([^\s\"']+)[\"']?[ \t]*(?:[;$*].*)?\r?$", re.M | re.I
)
_SETS_TEMPERATURE = re.compile(r"(?:set|setcs|options?)\b.*\btemp\s*=", re.I)
_DIRECTIVE = re.compile(r"\.(?!title|inc)[a-z]", re.I)
_BARE = re.compile(r"[^{'\"\s][^{'\"]*\s")


@dataclass(frozen=True)
class Finding:
    """One thing found. An ``error`` means that the problem cannot run; ``where`` is the place."""

    severity: Literal["error", "warning"]
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.where + ': ' if self.where else ''}{self.message}"


def lint(problem: Problem, trust: bool = False) -> list[Finding]:
    """Check decks, names, numbers, libraries, functions and bounds; simulate nothing.

    Errors come first. Python files that the problem names are imported.
    """
    netlists: dict[str, Netlist] = {}
    found: list[Finding] = []
    for name, bench in problem.testbenches.items():
        try:
            netlists[name] = Netlist.load(
                problem.folder / bench.deck, parameter_file=bench.parameter_file, trust=trust
            )
        except InputError as error:
            found.append(Finding("error", str(error), f"testbenches.{name}"))
    found += _titles(netlists)
    found += _functions(problem)
    found += _names(problem, netlists)
    found += _constant(problem, netlists)
    found += _function_names(netlists)
    found += _commas(netlists)
    found += _bare(netlists)
    found += _numbers(netlists)
    found += _temperature(problem, netlists)
    found += _libraries(problem, netlists)
    found += _start(problem)
    if not any(f.severity == "error" for f in found):
        found += _bins(problem, trust)
    found = list(dict.fromkeys(found))
    return sorted(found, key=lambda f: f.severity != "error")


def _titles(netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    for netlist in netlists.values():
        if _DIRECTIVE.match(netlist.title):
            yield Finding(
                "warning",
                f"{netlist.title}: to SPICE the first line is a deck's title, whatever it says; "
                "put a title above it",
                f"{netlist.path.name}:1",
            )


def _functions(problem: Problem) -> Iterator[Finding]:
    named = [(f"testbenches.{n}", f) for n, t in problem.testbenches.items() for f in t.functions]
    named += [("figures", f) for f in problem.figures]
    for where, function in named:
        try:
            load_function(function, problem.folder)
        except ProblemError as error:
            yield Finding("error", str(error), where)


def _names(problem: Problem, netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    _, routing = find_routes(problem, netlists)
    for where, what in (*unknown_parameters(problem, netlists), *routing):
        yield Finding("error", what, where)


def _constant(problem: Problem, netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    free = {n.lower() for n in problem.parameters}
    for bench, netlist in netlists.items():
        if not free & {n.lower() for n in netlist.parameters}:
            yield Finding(
                "warning",
                f"{netlist.path.name} has none of the parameters; its results never change",
                f"testbenches.{bench}",
            )


def _function_names(netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    for netlist in netlists.values():
        for name in netlist.parameters:
            if name.lower() in FUNCTIONS:
                yield Finding(
                    "warning",
                    f".param {name}: ngspice takes {name} in an expression for its function "
                    f"{name.lower()}() and refuses the deck; give the parameter another name",
                    netlist.path.name,
                )


def _commas(netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    for netlist in netlists.values():
        for card in netlist.cards:
            for a in assignments(card.text)[:-1]:
                if a.value.endswith(",") and not a.value[-2:-1].isspace():
                    yield Finding(
                        "warning",
                        f"{a.name}={a.value} — at a comma between .param assignments ngspice 39 "
                        "hangs; separate them by blanks",
                        str(card.source),
                    )


def _bare(netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    for netlist in netlists.values():
        for card in netlist.cards:
            for a in assignments(card.text):
                if _BARE.match(a.value):
                    yield Finding(
                        "warning",
                        f"{a.name} = {a.value}: of an expression with blanks in it ngspice 39 may "
                        f"read the first word alone; write {a.name}={{{a.value}}}",
                        str(card.source),
                    )


def _numbers(netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    for netlist in netlists.values():
        for card in netlist.cards:
            for message in suspicious_numbers(card):
                yield Finding("warning", message, str(card.source))


def _temperature(problem: Problem, netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    for name, netlist in netlists.items():
        if TEMPERATURE not in {*problem.conditions, *problem.testbenches[name].conditions}:
            continue
        for card in netlist.cards:
            if card.control and _SETS_TEMPERATURE.match(card.text):
                yield Finding(
                    "warning",
                    f"{card.text}: sets the temperature anew, so the condition {TEMPERATURE} of "
                    "the problem has no effect from here on; remove it",
                    str(card.source),
                )


def _libraries(problem: Problem, netlists: Mapping[str, Netlist]) -> Iterator[Finding]:
    named = [
        (library, process.name if (process := find_process(library.written)) else None)
        for netlist in netlists.values()
        for library in netlist.libraries
    ]
    chosen = problem.pdk.name if problem.pdk else None
    for library, name in named:
        if name is None:
            yield from _library(library)
        elif chosen is None and library.path is None:
            yield Finding(
                "error",
                f"the deck names the library {library.written!r}, which is not there; "
                f"add `pdk: {name}` to the problem and spiceloop finds it",
                str(library.source),
            )
        elif chosen is None:
            yield Finding(
                "warning",
                f"the deck loads the {name} library each time, which may take seconds; "
                f"add `pdk: {name}` to the problem",
                str(library.source),
            )
        elif name != chosen:
            yield Finding(
                "error",
                f"the deck names the library {library.written!r} of the pdk {name}, the problem "
                f"has pdk: {chosen}; change one of them",
                str(library.source),
            )
    missing = chosen is not None and chosen not in {name for _, name in named}
    if chosen and missing and len(netlists) == len(problem.testbenches):
        process = get_process(chosen)
        yield Finding(
            "warning",
            f"no deck has a .lib line of the {chosen} library; "
            f'write .lib "{process.library_file}" tt into the deck, or drop pdk:',
            "pdk",
        )


def _library(library: Library) -> Iterator[Finding]:
    if library.path is None:
        yield Finding("error", f"there is no library {library.written!r}", str(library.source))
        return
    sections = {
        s.decode("utf-8", "replace").lower() for s in _SECTION.findall(library.path.read_bytes())
    }
    if library.section.lower() not in sections:
        yield Finding(
            "error",
            f"{library.path.name} has no section {library.section!r}"
            + (
                did_you_mean(library.section.lower(), sections)
                or f"; it has {', '.join(sorted(sections)) or 'none'}"
            ),
            str(library.source),
        )


def _start(problem: Problem) -> Iterator[Finding]:
    without = [n for n, p in problem.parameters.items() if p.tied_to is None and p.start is None]
    if without:
        yield Finding(
            "warning",
            f"no start for {', '.join(without)}: there will be no start design to compare with",
            "parameters",
        )


def _bins(problem: Problem, trust: bool) -> Iterator[Finding]:
    """Render the start, and each bound in turn with the others at the start."""
    start = problem.start
    if problem.pdk is None or start is None:
        return
    from spiceloop.spec.bench import Bench

    try:
        bench = Bench.load(problem, trust=trust)
    except (InputError, SetupError) as error:
        yield Finding("error", str(error), "pdk")
        return

    def outside(design: Mapping[str, float], corners: Sequence[Corner]) -> str:
        for corner in corners:
            for name in bench.needed(corner):
                try:
                    bench.deck(name, problem.with_tied(dict(design)), corner)
                except DesignError as error:
                    return str(error)
        return ""

    # The bins are the same in every section of a library as a rule: all corners for the start only.
    typical = bench.corners[:1]

    try:
        if message := outside(start, bench.corners):
            yield Finding("error", f"the start cannot be simulated: {message}", "parameters")
            return
        for name in problem.testbenches:
            for note in bench.left_to_ngspice(name, problem.with_tied(dict(start))):
                yield Finding(
                    "warning",
                    f"{note.removeprefix(f'{name}: ')}; the results are the same, each run takes "
                    "longer",
                    f"testbenches.{name}",
                )
        for variable in problem.space.variables:
            for bound, value in (("minimum", variable.lower), ("maximum", variable.upper)):
                if message := outside({**start, variable.name: variable.snap(value)}, typical):
                    yield Finding("warning", message, f"parameters.{variable.name}.{bound}")
    except (InputError, SetupError) as error:
        yield Finding("error", str(error), "pdk")
