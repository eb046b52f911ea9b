"""Everything about a problem that one evaluation needs and that designs do not change.

A `Bench` is loaded once and shared by the `Evaluator` of every thread: netlists, process models,
Python functions, and where each metric comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import Netlist
from spiceloop.circuit.pdk import Pdk, get_pdk
from spiceloop.errors import ProblemError
from spiceloop.spec.functions import MeasureFunction, load_function
from spiceloop.spec.problem import Metric, Problem

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
        choice = problem.pdk
        pdk = get_pdk(choice.name, choice.corner, choice.library) if choice else None
        _check_names(problem, netlists)
        routes = _routes(problem, netlists)
        wanted = {
            name: tuple(
                key
                for m, where in routes.items()
                for key in [measure_key(m, problem.metrics[m])]
                if where == name
                and (key in netlists[name].measures or not functions[name] or key[0] == "@")
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


def _routes(problem: Problem, netlists: Mapping[str, Netlist]) -> dict[str, str | None]:
    routes: dict[str, str | None] = {}
    mistakes = []
    for name, metric in problem.metrics.items():
        key = measure_key(name, metric)
        has = [t for t, netlist in netlists.items() if key in netlist.measures]
        if metric.testbench is not None or len(netlists) == 1:
            routes[name] = metric.testbench or next(iter(netlists))
        elif len(has) > 1:
            mistakes.append(
                f"metrics.{name}: testbenches {' and '.join(has)} both give {key!r}; "
                "say which with testbench:"
            )
        else:
            routes[name] = has[0] if has else None  # None: a function of some testbench gives it
        searched = [routes[name]] if routes.get(name) else list(problem.testbenches)
        functions = any(problem.testbenches[t].functions for t in searched if t)
        if not has and not functions and key[0] != "@" and "(" not in key:
            known = [m for t in searched if t for m in netlists[t].measures]
            mistakes.append(
                f"metrics.{name}: no deck measures {key!r}{did_you_mean(key, known)}, "
                "and no testbench has functions"
            )
    if mistakes:
        raise ProblemError(f"problem {problem.name!r} does not fit its decks:", mistakes)
    return routes
