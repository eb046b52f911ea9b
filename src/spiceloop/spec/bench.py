"""Everything about a problem that one evaluation needs and that designs do not change.

A `Bench` is loaded once and shared by the `Evaluator` of every thread: netlists, process models,
Python functions, and where each metric comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.netlist import TEMPERATURE, Netlist
from spiceloop.errors import ProblemError
from spiceloop.spec.functions import MeasureFunction, load_function
from spiceloop.spec.names import find_routes, measure_key, unknown_parameters
from spiceloop.spec.problem import Problem

if TYPE_CHECKING:
    from spiceloop.circuit.pdk.base import Pdk

__all__ = ["Bench"]


@dataclass(frozen=True)
class Bench:
    """A problem with all that its file points at.

    ``routes`` maps each metric to its testbench where that is known before anything ran;
    ``wanted`` maps each testbench to the measures that its simulation must give.
    """

    problem: Problem
    netlists: Mapping[str, Netlist]
    pdk: Pdk | None
    functions: Mapping[str, tuple[MeasureFunction, ...]]
    routes: Mapping[str, str | None]
    wanted: Mapping[str, tuple[str, ...]]
    trust: bool = False

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
        pdk = _pdk(problem)
        routes, mistakes = find_routes(problem, netlists)
        mistakes = [*unknown_parameters(problem, netlists), *mistakes]
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
        return cls(problem, netlists, pdk, functions, routes, wanted, trust)

    def deck(self, testbench: str, values: Mapping[str, float]) -> Deck:
        """Return the testbench's deck with ``values``, tied ones included, written in.

        Raises `DesignError` for a geometry that the process models do not cover.
        """
        conditions = {
            **self.problem.conditions,
            **self.problem.testbenches[testbench].conditions,
        }
        return self.render(self.netlists[testbench], testbench, values, conditions)

    def render(
        self,
        netlist: Netlist,
        name: str,
        values: Mapping[str, float],
        conditions: Mapping[str, float],
    ) -> Deck:
        """Write into any netlist those of the values and conditions that it has a name for."""
        known = {n.lower() for n in netlist.parameters}
        deck = netlist.render(
            {n: v for n, v in values.items() if n.lower() in known},
            name=name,
            conditions={
                n: v for n, v in conditions.items() if n.lower() in known or n == TEMPERATURE
            },
        )
        return self.pdk.compile(deck) if self.pdk else deck

    def sources(self) -> dict[str, str]:
        """Return the text of every file that the metrics depend on, by ``file NAME``."""
        texts = {}
        for name, netlist in self.netlists.items():
            texts[f"file {self.problem.testbenches[name].deck.name} of testbench {name}"] = (
                "\n".join(line.text for line in netlist.lines)
            )
            for function in self.functions[name]:
                if function.file is not None:
                    texts[f"file {function.file.name}"] = function.file.read_text()
        return texts


def _pdk(problem: Problem) -> Pdk | None:
    choice = problem.pdk
    if choice is None:
        return None
    from spiceloop.circuit.pdk import get_pdk

    return get_pdk(choice.name, choice.corner, choice.library)


def _must_give(netlist: Netlist, has_functions: bool, key: str) -> bool:
    """Whether the simulation itself must give a measure, rather than a function afterwards."""
    if not has_functions or key.startswith("@"):
        return True
    # What the deck computes with let may be a vector that a function reduces under its name.
    measures = {name.lower(): how for name, how in netlist.measures.items()}
    return measures.get(key, "let") != "let"
