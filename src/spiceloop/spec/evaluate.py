"""THE pipeline: design → decks → simulations → measures and Python functions → metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DesignError, FailureKind, SimulationError
from spiceloop.sim import make_simulator
from spiceloop.sim.base import Simulator
from spiceloop.sim.waves import Waves
from spiceloop.spec.bench import Bench, Run
from spiceloop.spec.corners import Corner
from spiceloop.spec.deadline import within
from spiceloop.spec.functions import MeasureFunction
from spiceloop.spec.names import measure_key
from spiceloop.spec.problem import Problem
from spiceloop.spec.worst import worst

if TYPE_CHECKING:
    from spiceloop.circuit.pdk.sample import Sample

__all__ = ["AtCorner", "Evaluation", "Evaluator"]

_NAMED = 12  # available measures listed in a message


@dataclass(frozen=True)
class AtCorner:
    """What a design gave at one corner. ``measures``, ``waves`` and ``decks`` are by testbench."""

    metrics: Mapping[str, float]
    measures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    waves: Mapping[str, Waves] = field(default_factory=dict)
    decks: Mapping[str, Deck] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """What one design gave. ``metrics`` are the worst over the corners that were simulated.

    ``corners`` holds each of them by name, in the order in which they were simulated; ``measures``,
    ``waves`` and ``decks`` are those of the first, which is the typical one unless asked otherwise.
    ``simulations`` were run; ``saved`` were not needed, because the design had failed. ``failure``
    says why the last corner gave nothing; `Evaluator.evaluate` raises it.
    """

    metrics: Mapping[str, float]
    corners: Mapping[str, AtCorner] = field(default_factory=dict)
    log: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    simulations: int = 0
    saved: int = 0
    failure: SimulationError | None = None

    @property
    def measures(self) -> Mapping[str, Mapping[str, float]]:
        """Every measure of the shown corner, by testbench."""
        return self._shown.measures

    @property
    def waves(self) -> Mapping[str, Waves]:
        """Waves of the shown corner, by testbench."""
        return self._shown.waves

    @property
    def decks(self) -> Mapping[str, Deck]:
        """Decks of the shown corner, by testbench."""
        return self._shown.decks

    @property
    def _shown(self) -> AtCorner:
        return next(iter(self.corners.values()), AtCorner({}))


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
        self.closed = False

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
        self.closed = True
        self.simulator.close()

    def evaluate(
        self,
        design: Mapping[str, float],
        *,
        waves: bool = False,
        corners: Sequence[Corner] | None = None,
        sample: Sample | None = None,
    ) -> Evaluation:
        """Evaluate one design of the free parameters (SI) at every corner, or at those given.

        ``waves`` keeps every vector of every testbench; ``sample`` names the die. Raises
        `SimulationError`, which names testbench, corner and design; a geometry outside the model
        bins is one of kind GEOMETRY.
        """
        found = self.attempt(design, corners, waves=waves, sample=sample)
        if found.failure is not None:
            raise found.failure
        return found

    def attempt(
        self,
        design: Mapping[str, float],
        corners: Sequence[Corner] | None = None,
        *,
        early_stop: bool = False,
        waves: bool = False,
        sample: Sample | None = None,
    ) -> Evaluation:
        """Evaluate a design at corners one after another, in the order given.

        With ``early_stop`` the corners after the first at which a bound is missed are skipped, and
        after one whose simulation fails they always are; that failure is in the result.
        """
        began = time.perf_counter()
        run = _Run(self, dict(design), waves, sample)
        todo = list(self.bench.corners if corners is None else corners)
        found: dict[str, AtCorner] = {}
        failure: SimulationError | None = None
        while todo:
            try:
                found[todo[0].name] = at = run.at(todo[0])
            except SimulationError as error:
                failure = error
                break
            todo = todo[1:]
            if early_stop and self.bench.problem.violations(at.metrics):
                break
        by_corner = {name: at.metrics for name, at in found.items()}
        typical = self.bench.corners[0].name
        if corners and typical not in {c.name for c in corners}:
            typical = corners[0].name
        return Evaluation(
            {} if failure else worst(self.bench.problem, by_corner, typical),
            found,
            "\n".join(run.logs),
            tuple(run.warnings),
            time.perf_counter() - began,
            run.simulations,
            run.skipped(todo),
            failure,
        )

    def simulate(
        self, testbench: str, design: Mapping[str, float], corner: Corner | None = None
    ) -> Waves:
        """Return every wave of one testbench, or of another deck beside the problem file.

        ``testbench`` is a name of the problem's, or a path relative to its folder; ``corner`` is
        the typical one unless given. Raises `SimulationError`, and `DeckError` for a deck that
        cannot be read.
        """
        problem = self.bench.problem
        values = problem.with_tied(dict(design))
        corner = corner or self.bench.corners[0]
        timeout = 60.0
        try:
            if testbench in problem.testbenches:
                timeout = problem.testbenches[testbench].timeout
                deck = self.bench.deck(testbench, values, corner)
            else:
                if testbench not in self._netlists:
                    self._netlists[testbench] = Netlist.load(
                        problem.folder / testbench, trust=self.bench.trust
                    )
                deck = self.bench.render(self._netlists[testbench], testbench, values, corner)
            return self.simulator.run(deck, vectors=("*",), timeout=timeout).waves
        except DesignError as error:
            raise _geometry(error).located(deck=testbench, design=design) from error
        except SimulationError as error:
            where = self.bench.label(corner)
            raise error.located(deck=testbench, corner=where, design=design) from error.__cause__


@dataclass(frozen=True)
class _Found:
    """One simulation of a testbench."""

    measures: Mapping[str, float]
    waves: Waves
    deck: Deck


class _Run:
    """One design's evaluation; no deck is simulated twice in it."""

    def __init__(
        self, evaluator: Evaluator, design: dict[str, float], waves: bool, sample: Sample | None
    ) -> None:
        self.evaluator = evaluator
        self.bench = evaluator.bench
        self.design = design
        self.values = self.bench.problem.with_tied(design)
        self.waves = waves
        self.sample = sample
        self.logs: list[str] = []
        self.warnings: list[str] = []
        self.found: dict[Run, _Found] = {}
        self.tried: set[Run] = set()

    @property
    def simulations(self) -> int:
        """How many simulations were run, failed ones included."""
        return len(self.tried)

    def skipped(self, corners: Sequence[Corner]) -> int:
        """How many simulations these corners would take."""
        return len(self.bench.runs(corners) - self.tried)

    def at(self, corner: Corner) -> AtCorner:
        """Simulate every testbench that this corner needs. Raises `SimulationError`."""
        here = ""
        found: dict[str, _Found] = {}
        try:
            for here in self.bench.needed(corner):
                key = self.bench.run_of(here, corner)
                if key not in self.found:
                    self.found[key] = self._simulate(here, corner, key)
                found[here] = self.found[key]
            here = ""
            measures = {name: f.measures for name, f in found.items()}
            metrics = self._metrics(measures, corner)
        except SimulationError as error:
            where = self.bench.label(corner)
            raise error.located(deck=here, corner=where, design=self.design) from error.__cause__
        return AtCorner(
            metrics,
            measures,
            {name: f.waves for name, f in found.items()} if self.waves else {},
            {name: f.deck for name, f in found.items()},
        )

    def _simulate(self, name: str, corner: Corner, key: Run) -> _Found:
        testbench = self.bench.problem.testbenches[name]
        functions = self.bench.functions[name]
        if self.evaluator.closed:
            raise SimulationError(FailureKind.CRASH, "the evaluator was closed")
        try:
            deck = self.bench.deck(name, self.values, corner, self.sample)
        except DesignError as error:
            raise _geometry(error) from error
        self.tried.add(key)
        result = self.evaluator.simulator.run(
            deck,
            measures=self.bench.wanted[name],
            vectors=("*",) if self.waves else testbench.vectors if functions else None,
            timeout=testbench.timeout,
        )
        where = name if len(self.bench.corners) == 1 else f"{name}, corner {corner.name}"
        self.logs.append(f"* testbench {where}\n{result.log}")
        self.warnings += [f"{where}: {w}" for w in result.warnings]
        found = {n.lower(): value for n, value in result.measures.items()}
        for function in functions:
            numbers = self._call(function, result.waves, testbench.timeout)
            found.update({n.lower(): v for n, v in numbers.items()})
        return _Found(found, result.waves, deck)

    def _call(self, function: MeasureFunction, waves: Waves, timeout: float) -> dict[str, float]:
        try:
            return within(timeout, lambda: function(waves), lambda: self.evaluator.closed)
        except TimeoutError:
            if self.evaluator.closed:
                raise SimulationError(FailureKind.CRASH, "the evaluator was closed") from None
            raise SimulationError(
                FailureKind.TIMEOUT,
                f"the function {function.spec} took longer than the timeout of {timeout:g} s and "
                "was given up; look for a loop in it that does not end, or raise timeout: of the "
                "testbench (or --timeout)",
            ) from None

    def _metrics(
        self, measures: Mapping[str, Mapping[str, float]], corner: Corner
    ) -> dict[str, float]:
        metrics = {}
        for name in self.bench.measured(corner):
            key = measure_key(name, self.bench.problem.metrics[name])
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
