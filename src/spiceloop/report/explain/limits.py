"""What limits each objective: bounds that its best design touches, and ends of the design space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from spiceloop.errors import StudyError
from spiceloop.opt.base import Floats
from spiceloop.opt.explain.moment import Moment
from spiceloop.opt.explain.relax import best_nearby, reduced_slopes
from spiceloop.report.compare import at_bound
from spiceloop.report.explain.study import StudyModel
from spiceloop.study.trial import Trial

if TYPE_CHECKING:
    from spiceloop.report.view import StudyView

__all__ = ["LOOSER", "NEAR", "Edge", "Limit", "TouchedBound", "best_trials", "counts", "limits"]

Side = Literal["minimum", "maximum"]

# A bound is touched where less than this share of its size is left.
NEAR = 0.05
# By how much of its size a bound is made looser.
LOOSER = 0.10
# A goal that falls by less than this over a variable's range, in units of its spread, stays.
_PULL = 0.05
# A gain below this share is none.
_NOTHING = 0.005
# An output this near to its bound touches it, in units of its spread.
_TOUCHING = 1e-2


@dataclass(frozen=True)
class TouchedBound:
    """A bound that holds an objective back.

    ``room`` is what the design has left of it, as a share of the bound's size: its value, or the
    spread of its metric where that is 0. It is more than `NEAR` where only a better design nearby,
    by the model, would touch it. ``gain`` is how much better the objective could be with the bound
    `LOOSER`, a share of its value where the metric is modelled as a logarithm, else in SI units;
    None where the model does not say.
    """

    metric: str
    side: Side
    bound: float
    value: float
    room: float
    gain: float | None


@dataclass(frozen=True)
class Edge:
    """A variable at an end of its range; ``pulls`` where by the model the objective would improve
    beyond, the others following so that the touched bounds stay met.
    """

    variable: str
    end: Side
    pulls: bool


@dataclass(frozen=True)
class Limit:
    """One objective at the feasible trial that is best in it.

    ``nearby`` is how much better it could be, by the model, near that design and within all
    bounds; like each bound's ``gain`` a share where ``relative``. ``nearby_design`` is that design,
    SI, on its grid.
    """

    goal: str
    trial: int
    value: float
    relative: bool
    nearby: float | None
    nearby_design: Mapping[str, float] | None
    bounds: tuple[TouchedBound, ...]
    edges: tuple[Edge, ...]


def best_trials(view: StudyView) -> dict[str, Trial]:
    """Return the feasible trial that is best in each objective; empty where none is feasible."""
    feasible = [t for t in view.done if t.feasible]
    if not feasible:
        return {}
    return {
        g.metric: (max if g.maximize else min)(feasible, key=lambda t: t.metrics[g.metric])
        for g in view.task.goals
    }


def limits(model: StudyModel) -> tuple[Limit, ...]:
    """Say what limits each objective. Raises `StudyError` where no trial is feasible."""
    best = best_trials(model.view)
    if not best:
        raise StudyError("no trial meets every bound, so no objective has a best design yet")
    return tuple(_limit(model, goal, trial) for goal, trial in best.items())


def _limit(model: StudyModel, goal: str, trial: Trial) -> Limit:
    moment, space = model.now, model.view.task.space
    j = moment.units.names.index(goal)
    point = space.to_unit(trial.design)
    mean, slopes = moment.gradient(point)
    held = best_nearby(moment, j, point, moment.outputs.lower, moment.outputs.upper)
    touched = tuple(_touched(moment, j, trial, held))
    return Limit(
        goal,
        trial.number,
        trial.metrics[goal],
        moment.units.log[j],
        None if held is None else _gain(moment, j, float(mean[j]), held[1]),
        None if held is None else space.from_unit(held[0]),
        touched,
        tuple(_edges(moment, j, trial, touched, slopes)),
    )


def _edges(
    moment: Moment, goal: int, trial: Trial, touched: Sequence[TouchedBound], slopes: Floats
) -> Iterator[Edge]:
    """Yield the variables at an end of their range."""
    variables = moment.task.space.variables
    ends = [at_bound(v, trial.design[v.name]) for v in variables]
    room = [
        slopes[j] * moment.units.sign[j] * (1.0 if b.side == "minimum" else -1.0)
        for b in touched
        for j in [moment.units.names.index(b.metric)]
    ]
    free = np.array([not end for end in ends])
    slopes = reduced_slopes(slopes[goal], np.array(room).reshape(-1, len(variables)), free)
    for variable, end, slope in zip(variables, ends, slopes, strict=True):
        if end:
            outward = -slope if end == "maximum" else slope
            yield Edge(variable.name, end, bool(outward > _PULL))


def _touched(
    moment: Moment, goal: int, trial: Trial, held: tuple[Floats, float] | None
) -> Iterator[TouchedBound]:
    """Yield the bounds that the design touches, or that the best one nearby would."""
    lower, upper = moment.outputs.lower, moment.outputs.upper
    point = moment.task.space.to_unit(trial.design)
    there = None if held is None else moment.predict(held[0][None])[0][0]
    for constraint in moment.task.constraints:
        j = moment.units.names.index(constraint.metric)
        sides: tuple[tuple[Side, float | None, float], ...] = (
            ("minimum", constraint.minimum, 1.0),
            ("maximum", constraint.maximum, -1.0),
        )
        for side, bound, sign in sides:
            if bound is None or j == goal or (moment.units.log[j] and bound <= 0):
                continue  # what is always positive does not come near to 0
            size = abs(bound) or float(moment.units.sd[j])
            value = trial.metrics[constraint.metric]
            room = sign * (value - bound) / size
            at = moment.units.output(j, bound)
            if room > NEAR and (there is None or abs(there[j] - at) > _TOUCHING):
                continue
            looser = moment.units.output(j, bound - sign * LOOSER * size)
            low, high = lower.copy(), upper.copy()
            (low if sign * moment.units.sign[j] > 0 else high)[j] = looser
            freed = None if held is None else best_nearby(moment, goal, held[0], low, high, point)
            gain = None if held is None or freed is None else _gain(moment, goal, held[1], freed[1])
            relative = moment.units.log[goal]
            own = trial.metrics[moment.units.names[goal]]
            if room > NEAR and (gain is None or not counts(gain, own, relative)):
                continue
            yield TouchedBound(constraint.metric, side, bound, value, room, gain)


def counts(gain: float, value: float, relative: bool) -> bool:
    """Whether a gain of an objective, a share or in SI units, is worth telling."""
    return gain > (_NOTHING if relative else _NOTHING * abs(value))


def _gain(moment: Moment, j: int, before: float, after: float) -> float:
    """Return how much better a goal's lower output is: a share where its logarithm is modelled."""
    old, new = moment.units.value(j, before), moment.units.value(j, after)
    better = (old - new) * moment.units.sign[j]
    return float(max(0.0, better / old if moment.units.log[j] else better))
