"""Everything about a problem that one evaluation needs and that designs do not change.

A `Bench` is loaded once and shared by the `Evaluator` of every thread: netlists, process models,
Python functions, and where each metric comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import decode_source
from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import TEMPERATURE, Netlist
from spiceloop.errors import ProblemError
from spiceloop.spec.corners import PROCESS, Corner
from spiceloop.spec.functions import MeasureFunction, load_function
from spiceloop.spec.names import Mistake, find_routes, measure_key, unknown_parameters
from spiceloop.spec.problem import PdkChoice, Problem

if TYPE_CHECKING:
    from spiceloop.circuit.pdk.base import Pdk
    from spiceloop.circuit.pdk.sample import Sample

__all__ = ["Bench", "Run"]

Run = tuple[str, str, tuple[tuple[str, float], ...]]  # testbench, process, conditions


@dataclass(frozen=True)
class Bench:
    """A problem with all that its file points at.

    ``pdks`` are the PDK's objects by process corner, empty for decks that bring their own models;
    ``routes`` maps each metric to its testbench where that is known before anything ran;
    ``wanted`` maps each testbench to the measures that its simulation must give.
    """

    problem: Problem
    netlists: Mapping[str, Netlist]
    pdks: Mapping[str, Pdk]
    functions: Mapping[str, tuple[MeasureFunction, ...]]
    routes: Mapping[str, str | None]
    wanted: Mapping[str, tuple[str, ...]]
    trust: bool = False
    corners: tuple[Corner, ...] = ()

    @classmethod
    def load(cls, problem: Problem, *, trust: bool = False) -> Bench:
        """Read decks and import functions.

        Raises `DeckError`, `SetupError` for a missing PDK, and `ProblemError` for names that no
        deck has, metrics that two decks give, and functions that cannot be imported.
        """
        netlists = {
            name: Netlist.load(
                problem.folder / t.deck, parameter_file=t.parameter_file, trust=trust
            )
            for name, t in problem.testbenches.items()
        }
        functions = {}
        for name, t in problem.testbenches.items():
            loaded = [(f, *load_function(f, problem.folder)) for f in t.functions]
            functions[name] = tuple(MeasureFunction(*each) for each in loaded)
        corners = problem.corners
        pdks, no_process = _pdks(problem)
        routes, mistakes = find_routes(problem, netlists)
        mistakes = [*unknown_parameters(problem, netlists), *no_process, *mistakes]
        if mistakes:
            raise ProblemError(
                f"problem {problem.name!r} does not fit its decks:",
                [f"{where}: {what}" for where, what in mistakes],
            )
        wanted = {
            name: tuple(
                key
                for metric, route in routes.items()
                for key in [measure_key(metric, problem.metrics[metric])]
                if route == name and _must_give(netlists[name], bool(functions[name]), key)
            )
            for name in netlists
        }
        return cls(problem, netlists, pdks, functions, routes, wanted, trust, corners)

    def deck(
        self,
        testbench: str,
        values: Mapping[str, float],
        corner: Corner | None = None,
        sample: Sample | None = None,
    ) -> Deck:
        """Return the testbench's deck with ``values``, tied ones included, written in.

        ``corner`` is the typical one unless given; what the testbench fixes itself holds at every
        corner. ``sample`` names the die that the process models are drawn for. Raises `DesignError`
        for a geometry that the models do not cover.
        """
        return self.render(
            self.netlists[testbench], testbench, values, self.corner_of(testbench, corner), sample
        )

    def corner_of(self, testbench: str, corner: Corner | None = None) -> Corner:
        """Return a corner, by default the typical one, as a testbench sees it.

        It has what the testbench fixes itself, and of the conditions only those that its deck
        knows: where two are equal, so are the decks.
        """
        corner = corner or self.corners[0]
        own = self.problem.testbenches[testbench].conditions
        process = own.get(PROCESS)
        conditions = {
            **corner.conditions,
            **{n: v for n, v in own.items() if isinstance(v, float)},
        }
        known = _known(self.netlists[testbench])
        return Corner(
            corner.name,
            process.lower() if isinstance(process, str) else corner.process,
            {n: v for n, v in conditions.items() if n.lower() in known or n == TEMPERATURE},
        )

    def runs(self, corners: Iterable[Corner]) -> set[Run]:
        """Return the simulations that corners take; equal ones, of the same deck, count once."""
        return {self.run_of(t, corner) for corner in corners for t in self.needed(corner)}

    def run_of(self, testbench: str, corner: Corner) -> Run:
        """Return what tells one simulation of a design from another."""
        seen = self.corner_of(testbench, corner)
        return testbench, seen.process, tuple(sorted(seen.conditions.items()))

    def find_corner(self, name: str) -> Corner:
        """Return a corner by its name or as ``typical``. Raises `ProblemError`."""
        for corner in self.corners:
            if corner.name.lower() == name.lower():
                return corner
        if name.lower() == "typical":
            return self.corners[0]
        known = [c.name for c in self.corners]
        raise ProblemError(
            f"problem {self.problem.name!r} has no corner {name!r}"
            + (did_you_mean(name, known) or f"; it has {', '.join(known)}")
        )

    def label(self, corner: Corner) -> str:
        """Return what messages call a corner: the process alone where there is only one corner."""
        return corner.name if len(self.corners) > 1 else corner.process

    def measured(self, corner: Corner) -> tuple[str, ...]:
        """Return the metrics that a corner gives, in file order."""
        typical = corner.name == self.corners[0].name
        return tuple(n for n, m in self.problem.metrics.items() if typical or m.corners == "all")

    def needed(self, corner: Corner) -> tuple[str, ...]:
        """Return the testbenches that a corner simulates, in file order."""
        every = tuple(self.problem.testbenches)
        if corner.name == self.corners[0].name:
            return every
        routes = {self.routes[name] for name in self.measured(corner)}
        return every if None in routes else tuple(t for t in every if t in routes)

    def render(
        self,
        netlist: Netlist,
        name: str,
        values: Mapping[str, float],
        corner: Corner | None = None,
        sample: Sample | None = None,
    ) -> Deck:
        """Write into any netlist those of the values and conditions that it has a name for."""
        corner = corner or self.corners[0]
        deck = _written(netlist, name, values, corner)
        pdk = self.pdk_at(corner)
        return pdk.compile(deck, sample=sample) if pdk else deck

    def left_to_ngspice(self, testbench: str, values: Mapping[str, float]) -> tuple[str, ...]:
        """Say what of a testbench's deck the PDK's compiler could not work out, and why."""
        corner = self.corner_of(testbench)
        pdk = self.pdk_at(corner)
        if pdk is None:
            return ()
        deck = _written(self.netlists[testbench], testbench, values, corner)
        return pdk.compile_with_report(deck)[1].notes

    def pdk_at(self, corner: Corner) -> Pdk | None:
        """Return the PDK at a corner's process."""
        if corner.process in self.pdks or self.problem.pdk is None:
            return self.pdks.get(corner.process)
        return _pdk(self.problem.pdk, corner.process)  # a corner that is none of the problem's

    def sources(self) -> dict[str, str]:
        """Return the text of every file that the metrics depend on, by ``file NAME``."""
        texts = {}
        for name, netlist in self.netlists.items():
            texts[f"file {self.problem.testbenches[name].deck.name} of testbench {name}"] = (
                "\n".join(line.text for line in netlist.lines)
            )
            for function in self.functions[name]:
                if function.file is not None:
                    texts[f"file {function.file.name}"] = _text(function.file)
        return texts


def _text(file: Path) -> str:
    """Return a function's source in the encoding that it declares itself (PEP 263)."""
    content = file.read_bytes()
    try:
        return decode_source(content)
    except (SyntaxError, UnicodeDecodeError):  # a compiled module
        return content.decode("latin-1")


def _written(netlist: Netlist, name: str, values: Mapping[str, float], corner: Corner) -> Deck:
    known = _known(netlist)
    return netlist.render(
        {n: v for n, v in values.items() if n.lower() in known},
        name=name,
        conditions={
            n: v for n, v in corner.conditions.items() if n.lower() in known or n == TEMPERATURE
        },
    )


def _known(netlist: Netlist) -> set[str]:
    return {n.lower() for n in netlist.parameters}


def _pdks(problem: Problem) -> tuple[dict[str, Pdk], list[Mistake]]:
    """Return the PDK at every process corner that the problem names, and those it does not have.

    Raises `ProblemError` and `SetupError` for the typical one.
    """
    if problem.pdk is None:
        return {}, []
    typical = problem.corners[0].process
    found = {typical: _pdk(problem.pdk, typical)}
    wanted = {c.process: "conditions.corner" for c in reversed(problem.corners[1:])}
    for name, testbench in problem.testbenches.items():
        own = testbench.conditions.get(PROCESS)
        if isinstance(own, str):
            wanted[own.lower()] = f"testbenches.{name}.conditions.corner"
    mistakes = []
    for process, where in wanted.items():
        try:
            found[process] = _pdk(problem.pdk, process)
        except ProblemError as error:
            mistakes.append((where, str(error)))
    return found, mistakes


def _pdk(choice: PdkChoice, process: str) -> Pdk:
    from spiceloop.circuit.pdk import get_pdk

    return get_pdk(choice.name, process, choice.library)


def _must_give(netlist: Netlist, has_functions: bool, key: str) -> bool:
    """Whether the simulation itself must give a measure, rather than a function afterwards."""
    if not has_functions or key.startswith("@"):
        return True
    # What the deck computes with let may be a vector that a function reduces under its name.
    measures = {name.lower(): how for name, how in netlist.measures.items()}
    return measures.get(key, "let") != "let"
