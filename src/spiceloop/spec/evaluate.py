"""THE pipeline: design → decks → simulations → measures and Python functions → metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DesignError, FailureKind, SimulationError
from spiceloop.sim import make_simulator
from spiceloop.sim.base import Simulator
from spiceloop.sim.waves import Waves
from spiceloop.spec.bench import Bench
from spiceloop.spec.names import measure_key
from spiceloop.spec.problem import Problem

__all__ = ["Evaluation", "Evaluator"]

_NAMED = 12  # available measures listed in a message


@dataclass(frozen=True)
class Evaluation:
    """What one design gave. ``measures``, ``waves`` and ``decks`` are by testbench."""

    metrics: Mapping[str, float]
    measures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    waves: Mapping[str, Waves] = field(default_factory=dict)
    decks: Mapping[str, Deck] = field(default_factory=dict)
    log: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


class Evaluator:
    """Evaluates designs one at a time on a simulator of its own: one for each thread.

    Give a loaded ``bench`` to share it between evaluators, and ``engine`` to use a simulator
    that is already there. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        problem: Problem,
        simulator: str = "ngspice-lib",
        *,
        trust: bool = False,
        bench: Bench | None = None,
        engine: Simulator | None = None,
    ) -> None:
        self.bench = bench or Bench.load(problem, trust=trust)
        self.simulator = engine or make_simulator(simulator)
        self._netlists: dict[str, Netlist] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the simulator; safe to call twice, and from another thread to end an evaluation."""
        self._closed = True
        self.simulator.close()

    def evaluate(self, design: Mapping[str, float], *, waves: bool = False) -> Evaluation:
        """Evaluate one design of the free parameters, SI numbers.

        ``waves`` keeps every vector of every testbench. Raises `SimulationError`, which names
        testbench, corner and design; a geometry outside the model bins is one of kind GEOMETRY.
        """
        problem = self.bench.problem
        began = time.perf_counter()
        values = problem.with_tied(dict(design))
        measures: dict[str, dict[str, float]] = {}
        kept: dict[str, Waves] = {}
        decks: dict[str, Deck] = {}
        logs: list[str] = []
        warnings: list[str] = []
        here = ""
        try:
            for here, testbench in problem.testbenches.items():
                functions = self.bench.functions[here]
                if self._closed:
                    raise SimulationError(FailureKind.CRASH, "the evaluator was closed")
                decks[here] = deck = self._deck(here, values)
                result = self.simulator.run(
                    deck,
                    measures=self.bench.wanted[here],
                    vectors=("*",) if waves else testbench.vectors if functions else None,
                    timeout=testbench.timeout,
                )
                logs.append(f"* testbench {here}\n{result.log}")
                warnings += [f"{here}: {w}" for w in result.warnings]
                found = {name.lower(): value for name, value in result.measures.items()}
                for function in functions:
                    found.update({n.lower(): v for n, v in function(result.waves).items()})
                measures[here] = found
                if waves:
                    kept[here] = result.waves
            here = ""
            metrics = self._metrics(measures)
        except SimulationError as error:
            corner = problem.pdk.corner if problem.pdk else ""
            raise error.located(deck=here, corner=corner, design=design) from error.__cause__
        seconds = time.perf_counter() - began
        return Evaluation(metrics, measures, kept, decks, "\n".join(logs), tuple(warnings), seconds)

    def simulate(self, testbench: str, design: Mapping[str, float]) -> Waves:
        """Return every wave of one testbench, or of another deck beside the problem file.

        ``testbench`` is a name of the problem's, or a path relative to its folder. Raises
        `SimulationError`, and `DeckError` for a deck that cannot be read.
        """
        problem = self.bench.problem
        values = problem.with_tied(dict(design))
        corner = problem.pdk.corner if problem.pdk else ""
        timeout = 60.0
        try:
            if testbench in problem.testbenches:
                timeout = problem.testbenches[testbench].timeout
                deck = self._deck(testbench, values)
            else:
                if testbench not in self._netlists:
                    self._netlists[testbench] = Netlist.load(
                        problem.folder / testbench, trust=self.bench.trust
                    )
                netlist = self._netlists[testbench]
                deck = self.bench.render(netlist, testbench, values, problem.conditions)
            return self.simulator.run(deck, vectors=("*",), timeout=timeout).waves
        except DesignError as error:
            raise _geometry(error).located(deck=testbench, design=design) from error
        except SimulationError as error:
            raise error.located(deck=testbench, corner=corner, design=design) from error.__cause__

    def _deck(self, testbench: str, values: Mapping[str, float]) -> Deck:
        try:
            return self.bench.deck(testbench, values)
        except DesignError as error:
            raise _geometry(error) from error

    def _metrics(self, measures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        metrics = {}
        for name, metric in self.bench.problem.metrics.items():
            key = measure_key(name, metric)
            route = self.bench.routes[name]
            has = [t for t in ([route] if route else measures) if key in measures[t]]
            if not has:
                raise _missing(name, key, route, measures)
            if len(has) > 1:
                raise SimulationError(
                    FailureKind.MISSING_MEASURE,
                    f"metric {name!r}: testbenches {' and '.join(has)} both give {key!r}; "
                    "say which with testbench: in the problem file",
                )
            metrics[name] = value = measures[has[0]][key]
            if not math.isfinite(value):
                raise SimulationError(
                    FailureKind.NOT_A_NUMBER, f"metric {name!r} is {value}", deck=has[0]
                )
        return metrics


def _geometry(error: DesignError) -> SimulationError:
    return SimulationError(FailureKind.GEOMETRY, str(error))


def _missing(
    name: str, key: str, route: str | None, measures: Mapping[str, Mapping[str, float]]
) -> SimulationError:
    known = sorted({n for t in ([route] if route else measures) for n in measures[t]})
    listed = ", ".join(known[:_NAMED]) + (" …" if len(known) > _NAMED else "")
    called = f"metric {name!r}" + (f" ({key})" if key != name.lower() else "")
    return SimulationError(
        FailureKind.MISSING_MEASURE,
        f"{called} was not measured{did_you_mean(key, known)}; "
        + (f"there are {listed}" if listed else "nothing was"),
        deck=route or "",
    )
