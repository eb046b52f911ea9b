"""Everything about a problem that one evaluation needs and that designs do not change.

A `Bench` is loaded once and shared by the `Evaluator` of every thread: netlists, process models,
Python functions, and where each metric comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import ProblemError
from spiceloop.spec.functions import MeasureFunction, load_function
from spiceloop.spec.problem import Metric, Problem

if TYPE_CHECKING:
    from spiceloop.circuit.pdk.base import Pdk

__all__ = ["Bench", "measure_key"]


def measure_key(name: str, metric: Metric) -> str:
    """Return the name, in lower case, that a metric has in its deck or function."""
    return (metric.measure or name).lower()


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
        _check_names(problem, netlists)
        routes = _routes(problem, netlists)
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
                n: v for n, v in conditions.items() if n.lower() in known or n == "temperature"
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


def _check_names(problem: Problem, netlists: Mapping[str, Netlist]) -> None:
    known = {n.lower() for netlist in netlists.values() for n in netlist.parameters}
    decks = ", ".join(str(t.deck) for t in problem.testbenches.values())
    conditions = {
        **problem.conditions,
        **{n: v for t in problem.testbenches.values() for n, v in t.conditions.items()},
    }
    mistakes = [
        f"{kind}.{name}: no .param {name!r} in {decks}{did_you_mean(name, known)}"
        for kind, names in (("parameters", problem.parameters), ("conditions", conditions))
        for name in names
        if name.lower() not in known and (kind, name) != ("conditions", "temperature")
    ]
    if mistakes:
        raise ProblemError(f"problem {problem.name!r} does not fit its decks:", mistakes)


def _measures(netlist: Netlist) -> dict[str, str]:
    return {name.lower(): how for name, how in netlist.measures.items()}


def _must_give(netlist: Netlist, has_functions: bool, key: str) -> bool:
    """Whether the simulation itself must give a measure, rather than a function afterwards."""
    if not has_functions or key.startswith("@"):
        return True
    # What the deck computes with let may be a vector that a function reduces under its name.
    return _measures(netlist).get(key, "let") != "let"


def _routes(problem: Problem, netlists: Mapping[str, Netlist]) -> dict[str, str | None]:
    routes: dict[str, str | None] = {}
    mistakes = []
    for name, metric in problem.metrics.items():
        key = measure_key(name, metric)
        has = [t for t, netlist in netlists.items() if key in _measures(netlist)]
        searched = list(netlists) if metric.testbench is None else [metric.testbench]
        functions = any(problem.testbenches[t].functions for t in searched)
        if len(searched) == 1:
            routes[name] = searched[0]
        elif len(has) > 1:
            mistakes.append(
                f"metrics.{name}: testbenches {' and '.join(has)} both give {key!r}; "
                "say which with testbench:"
            )
        elif not has and key.startswith("@"):
            mistakes.append(
                f"metrics.{name}: say with testbench: which of {', '.join(netlists)} gives {key!r}"
            )
        else:
            routes[name] = has[0] if has else None  # None: some testbench's function gives it
        if not set(has) & set(searched) and not functions and key.isidentifier():
            known = [m for t in searched for m in netlists[t].measures]
            decks = " and ".join(str(problem.testbenches[t].deck) for t in searched)
            mistakes.append(
                f"metrics.{name}: {decks}"
                f" measures no {key!r}{did_you_mean(key, known)}, and names no Python function"
            )
    if mistakes:
        raise ProblemError(f"problem {problem.name!r} does not fit its decks:", mistakes)
    return routes
