"""From dies to a yield: how many meet every bound, and how each metric is spread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from spiceloop.montecarlo.interval import Interval, interval
from spiceloop.montecarlo.outcome import Outcome, Plan
from spiceloop.spec.problem import Metric, Problem

__all__ = ["Narrowing", "Statistics", "Yield"]

_FEWEST = 30  # dies before a run may stop early: below, an interval says little


@dataclass(frozen=True)
class Statistics:
    """One metric at one corner over all dies.

    ``count`` dies gave a value and ``met`` of ``total`` kept the bounds, a failed simulation
    keeping none; ``sigma`` is the sample's standard deviation (n − 1); ``worst`` the value nearest
    to missing, or furthest beyond, a bound, without bounds the worst by the goal, and
    ``worst_sample`` its die. ``margin`` is the distance from the mean to the nearest bound in
    sigmas, negative beyond it. NaN stands for what too few values leave open.
    """

    metric: str
    corner: str
    unit: str
    minimum: float | None
    maximum: float | None
    nominal: float
    total: int
    count: int
    met: int
    mean: float
    sigma: float
    worst: float
    worst_sample: int | None
    margin: float

    @property
    def bounded(self) -> bool:
        """Whether it has a bound to keep."""
        return self.minimum is not None or self.maximum is not None

    @property
    def interval(self) -> Interval:
        """Confidence interval of the part of dies that keep the bounds."""
        return interval(self.met, self.total)


@dataclass(frozen=True)
class Yield:
    """What sampling a design gave.

    ``outcomes`` are by die, in order of number; ``nominal`` maps corner to the metrics without
    deviations; ``wanted`` is how many dies were asked for; ``stopped`` says that fewer were enough,
    ``interrupted`` that the run was cut off.
    """

    problem: Problem
    plan: Plan
    outcomes: Mapping[int, tuple[Outcome, ...]]
    nominal: Mapping[str, Mapping[str, float]]
    wanted: int
    stopped: bool = False
    interrupted: bool = False

    @property
    def total(self) -> int:
        """Number of dies."""
        return len(self.outcomes)

    @cached_property
    def passed(self) -> int:
        """Dies that meet every bound at every corner."""
        return sum(_passes(self.problem, die) for die in self.outcomes.values())

    @property
    def bounded(self) -> bool:
        """Whether a bound is judged at all; without one there is no yield."""
        return any(s.bounded for s in self.statistics)

    @property
    def not_judged(self) -> tuple[str, ...]:
        """Bounded metrics of the typical corner only, where the dies are not simulated at it."""
        judged = {s.metric for s in self.statistics}
        return tuple(n for n, m in self.problem.metrics.items() if m.bounded and n not in judged)

    @property
    def fraction(self) -> float:
        """The yield, 0 to 1; NaN without dies or bounds."""
        return self.passed / self.total if self.total and self.bounded else math.nan

    @property
    def interval(self) -> Interval:
        """Confidence interval of the yield, see `spiceloop.montecarlo.interval`."""
        return interval(self.passed, self.total)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """Simulations that failed, in order of die."""
        return tuple(o for die in self.outcomes.values() for o in die if o.failed)

    @cached_property
    def statistics(self) -> tuple[Statistics, ...]:
        """Every metric at every corner: bounded ones first, each in the file's order."""
        found = [
            _statistics(self, name, metric, corner.name)
            for name, metric in self.problem.metrics.items()
            for corner in self.plan.corners
            if name in self.nominal[corner.name]
        ]
        return tuple(sorted(found, key=lambda s: not s.bounded))

    def values(self, metric: str, corner: str) -> dict[int, float]:
        """One metric by die, at a corner; dies whose simulation failed are left out."""
        return {
            number: outcome.metrics[metric]
            for number, die in self.outcomes.items()
            for outcome in die
            if outcome.corner == corner and metric in outcome.metrics
        }

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield one row a die and corner, for tables: metrics beside what failed."""
        for die in self.outcomes.values():
            for outcome in die:
                missed = self.problem.violations(outcome.metrics)
                yield {
                    "sample": outcome.number,
                    "corner": outcome.corner,
                    "passed": not outcome.failed and not missed,
                    **{name: outcome.metrics.get(name) for name in self.problem.metrics},
                    "missed": " ".join(missed),
                    "failure": outcome.failure,
                }


def _passes(problem: Problem, die: Sequence[Outcome]) -> bool:
    return all(not o.failed and not problem.violations(o.metrics) for o in die)


def _statistics(result: Yield, name: str, metric: Metric, corner: str) -> Statistics:
    values = result.values(name, corner)
    numbers = list(values.values())
    count = len(numbers)
    mean = math.fsum(numbers) / count if count else math.nan
    squares = math.fsum((v - mean) ** 2 for v in numbers)
    sigma = math.sqrt(squares / (count - 1)) if count > 1 else math.nan
    worst = max(values, key=lambda n: _badness(metric, values[n]), default=None)
    return Statistics(
        name,
        corner,
        metric.unit,
        metric.minimum,
        metric.maximum,
        result.nominal[corner][name],
        result.total,
        count,
        sum(not metric.bounded or max(metric.excesses(v)) <= 0 for v in numbers),
        mean,
        sigma,
        math.nan if worst is None else values[worst],
        worst,
        _margin(metric, mean, sigma),
    )


def _badness(metric: Metric, value: float) -> float:
    if metric.bounded:
        return max(metric.excesses(value))
    return -value if metric.goal == "maximize" else value


def _margin(metric: Metric, mean: float, sigma: float) -> float:
    room = [
        sign * (mean - bound)
        for bound, sign in ((metric.minimum, 1.0), (metric.maximum, -1.0))
        if bound is not None
    ]
    if not room or math.isnan(sigma):
        return math.nan
    if sigma == 0:
        return math.inf if min(room) >= 0 else -math.inf
    return min(room) / sigma


class Narrowing:
    """Watches the yield's interval narrow, one die after the other.

    ``precision`` is half the width that is narrow enough; None never is.
    """

    def __init__(self, problem: Problem, precision: float | None) -> None:
        self._problem = problem
        self._precision = precision
        self._seen = self._passed = 0
        self.enough: int | None = None  # how many of the first dies were

    def look(self, outcomes: Mapping[int, Sequence[Outcome]]) -> bool:
        """Return whether the first dies are enough.

        Only those without a gap before them count, so the answer does not depend on which of them
        ended first.
        """
        while self._precision is not None and self.enough is None and self._seen in outcomes:
            self._passed += _passes(self._problem, outcomes[self._seen])
            self._seen += 1
            narrow = interval(self._passed, self._seen).half_width <= self._precision
            if narrow and self._seen >= _FEWEST:
                self.enough = self._seen
        return self.enough is not None
