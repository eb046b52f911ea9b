"""Whether the names in a problem file fit its decks, and which deck gives which metric.

A `Bench` refuses to run with a mistake found here; ``check`` tells each as a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.measures import analysis_names, matches
from spiceloop.circuit.netlist import TEMPERATURE, Netlist
from spiceloop.spec.corners import is_param
from spiceloop.spec.problem import Metric, Problem

__all__ = ["Mistake", "find_routes", "measure_key", "unknown_parameters"]

Mistake = tuple[str, str]  # the place in the problem file, what is wrong there


def measure_key(name: str, metric: Metric) -> str:
    """Return the name, in lower case, that a metric has in its deck or function."""
    return (metric.measure or name).lower()


def unknown_parameters(problem: Problem, netlists: Mapping[str, Netlist]) -> Iterator[Mistake]:
    """Parameters and conditions that no deck has; nothing while a deck could not be read."""
    if len(netlists) < len(problem.testbenches):
        return
    known = {n.lower(): n for netlist in netlists.values() for n in netlist.parameters}
    decks = ", ".join(str(t.deck) for t in problem.testbenches.values())
    wanted = [(f"parameters.{n}", n) for n in problem.parameters]
    wanted += [(f"conditions.{n}", n) for n, c in problem.conditions.items() if is_param(n, c)]
    wanted += [
        (f"testbenches.{t}.conditions.{n}", n)
        for t, bench in problem.testbenches.items()
        for n, value in bench.conditions.items()
        if is_param(n, value)
    ]
    for where, name in wanted:
        if name.lower() not in known:
            meant = did_you_mean(name, known.values())
            if name.lower() in ("temp", TEMPERATURE) and not where.startswith("parameters."):
                meant = f" (did you mean {TEMPERATURE!r}?)"
            yield where, f"no .param {name!r} in {decks}{meant}"


def find_routes(
    problem: Problem, netlists: Mapping[str, Netlist]
) -> tuple[dict[str, str | None], list[Mistake]]:
    """Return each metric's testbench, None where only a run can tell, and the mistakes.

    A metric that a deck may give which could not be read has neither.
    """
    gives = {t: set(netlist.measures) for t, netlist in netlists.items()}
    routes: dict[str, str | None] = {}
    mistakes: list[Mistake] = []
    for name, metric in problem.metrics.items():
        where, key = f"metrics.{name}", measure_key(name, metric)
        searched = [metric.testbench] if metric.testbench else list(problem.testbenches)
        if any(t not in gives for t in searched):
            continue
        having = [t for t in searched if any(matches(n, key) for n in gives[t])]
        if not having:
            having = [t for t in searched if key in analysis_names(netlists[t].cards)]
        routes[name] = searched[0] if len(searched) == 1 else having[0] if having else None
        # A node or device vector, such as v(out) or @m1[gm], exists without being measured.
        is_vector = not re.fullmatch(r"\w+", key)
        if len(having) > 1:
            both = " and ".join(having)
            mistakes.append(
                (where, f"testbenches {both} both give {key!r}; say which with testbench:")
            )
        elif routes[name] is None and key.startswith("@"):
            which = ", ".join(searched)
            mistakes.append((where, f"say with testbench: which of {which} gives {key!r}"))
        elif (
            not having
            and not is_vector
            and not any(problem.testbenches[t].functions for t in searched)
        ):
            known = sorted(set().union(*(gives[t] for t in searched)))
            listed = f"; there are {', '.join(known)}" if known else "; there are none"
            decks = " or ".join(str(problem.testbenches[t].deck) for t in searched)
            mistakes.append(
                (
                    where,
                    f"no measure {key!r} in {decks}{did_you_mean(key, known) or listed}. "
                    "Add a .meas card, or a Python function under functions:",
                )
            )
    return routes, mistakes
