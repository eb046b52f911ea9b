"""A study's history in the model's terms: standardised outputs, bounds and the reference point.

Outputs are the losses of the goals, then the transformed metrics that are only constrained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiceloop.opt.base import Constraint, Floats, History, Task
from spiceloop.opt.pareto import Mask, feasible_mask, losses, reference_point
from spiceloop.opt.thin import initial_rows, thinned
from spiceloop.opt.transform import MetricScale, column, metric_scales

__all__ = ["Outputs", "improvement_reference", "model_outputs"]

# An output is clipped this many interquartile ranges beyond the worse of its median and the values
# that matter (reference, bounds): a circuit that does not work at all has figures decades away,
# which would take all of the model's attention.
_CLIP = 1.0
# Slack of the reference beyond the start's losses, as a share of the way to the report's reference.
_SLACK = 0.15
# Percentile of the losses of the initial trials, where at least so many of them finished.
_POOR, _ENOUGH = 90, 4
# Most objectives of which the front's worst values tell anything.
_TELLING = 3
# Outputs that differ by less than this share of the largest are equal. Of their own size, for in SI
# units a charge or an energy of a small circuit is 1e-15.
_EQUAL = 1e-12


@dataclass(frozen=True)
class Outputs:
    """The finished trials, for the model. Rows are finished trials, columns standardised outputs.

    ``lower`` and ``upper`` (m,) are the constraints in the same units, infinite where none;
    ``reference`` (k,) is what hypervolume improvement is counted from. Output j is its transformed
    metric, the sign turned for a goal to maximize, clipped, less ``centre`` (m,), over ``sd`` (m,).
    ``n_finished`` counts the whole study's trials, of which a long one's model has fewer.
    """

    x: Floats  # (n, d)
    y: Floats  # (n, m), the first k columns are losses
    feasible: Mask  # (n,)
    lower: Floats  # (m,)
    upper: Floats  # (m,)
    reference: Floats  # (k,)
    centre: Floats  # (m,)
    sd: Floats  # (m,)
    n_finished: int

    @property
    def front(self) -> Floats:
        """Losses (f, k) of the feasible trials."""
        return self.y[self.feasible, : len(self.reference)]

    def turn(self, pending: Floats) -> int:
        """Return which turn it is: the study's designs, those ``pending`` (p, d) included.

        Not the model's, whose number stays at some time.
        """
        return self.n_finished + len(pending)

    @property
    def constrained(self) -> bool:
        """Whether any output has a bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())


def model_outputs(task: Task, history: History) -> Outputs:
    """Transform, clip and standardise what the finished trials gave; there must be one.

    Of a long history the trials that `thinned` leaves.
    """
    n_finished = int(np.count_nonzero(~history.failed))
    history = thinned(task, history)
    args = (task, history.metrics, history.metric_names)
    scales = metric_scales(*args)
    goals = {goal.metric: goal for goal in task.goals}
    names = list(dict.fromkeys([*goals, *(c.metric for c in task.constraints)]))
    k = len(goals)
    signs = np.array([-1.0 if n in goals and goals[n].maximize else 1.0 for n in names])
    y = signs * np.column_stack(
        [scales[n](column(history.metrics, history.metric_names, n)) for n in names]
    )
    lower, upper = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    for constraint in task.constraints:
        j = names.index(constraint.metric)
        low, high = _bounds(constraint, scales[constraint.metric], signs[j])
        lower[j], upper[j] = max(lower[j], low), min(upper[j], high)
    reference = improvement_reference(task, history, upper[:k])
    finished = np.isfinite(y).all(axis=1) & ~history.failed
    y = _clipped(y[finished], lower, upper, reference)
    centre, sd = y.mean(axis=0), y.std(axis=0)
    sd = np.where(sd > _EQUAL * np.abs(y).max(axis=0), sd, 1.0)  # equal outputs
    return Outputs(
        x=history.x[finished],
        y=(y - centre) / sd,
        feasible=feasible_mask(*args)[finished],
        lower=(lower - centre) / sd,
        upper=(upper - centre) / sd,
        reference=(reference - centre[:k]) / sd[:k],
        centre=centre,
        sd=sd,
        n_finished=n_finished,
    )


def improvement_reference(task: Task, history: History, upper: Floats) -> Floats:
    """Return the losses (k,) that improvement is counted from.

    The rule, goal by goal: the bound, where the goal's metric has one. Else, where the start design
    is feasible, its loss relaxed by 15 % of the way to the report's reference (`reference_point`):
    what a designer with a working circuit wants is one that is better. Else the loss that nine of
    ten initial trials stay below, or the report's reference where that is farther out and the
    objectives are three at most: of more, nearly every design is on the front, whose worst values
    then run away from trial to trial. At the front's own nadir, or at a percentile of all trials,
    most of which are good ones after a while, the front would hardly widen. ``upper`` (k,) are the
    goals' bounds as losses, infinite where none.

    With no slack at all, only designs that beat the start in every goal count: more of them are
    found, but the front is narrow; with a whole decade, none of them is found in 35 trials.
    """
    args = (task, history.metrics, history.metric_names)
    start = history.start
    if start is not None and feasible_mask(*args)[start]:
        own = losses(*args)[start]
        found = own + _SLACK * (reference_point(*args, start=start) - own)
    else:
        found = _poor(task, history)
        if len(found) <= _TELLING:
            found = np.maximum(found, reference_point(*args))
    return np.where(np.isfinite(upper), upper, found)


def _poor(task: Task, history: History) -> Floats:
    """Return what nine of ten initial trials are better than, goal by goal (k,)."""
    y = losses(task, history.metrics, history.metric_names)
    finished = np.isfinite(y).all(axis=1) & ~history.failed
    first = np.flatnonzero(finished[: initial_rows(task, history)])
    rows = first if len(first) >= _ENOUGH else np.flatnonzero(finished)
    return np.asarray(np.percentile(y[rows], _POOR, axis=0))


def _clipped(y: Floats, lower: Floats, upper: Floats, reference: Floats) -> Floats:
    """Limit the bad side of each output; a goal's is above, a bound's is beyond it."""
    k = len(reference)
    q1, median, q3 = np.percentile(y, [25, 50, 75], axis=0)
    width = _CLIP * np.maximum(q3 - q1, _EQUAL * np.abs(y).max(axis=0))
    matters = upper.copy()
    matters[:k] = np.where(np.isfinite(upper[:k]), np.maximum(upper[:k], reference), reference)
    top = np.where(np.isfinite(matters), np.maximum(matters, median) + width, np.inf)
    bottom = np.where(np.isfinite(lower), np.minimum(lower, median) - width, -np.inf)
    return np.clip(y, bottom, top)


def _bounds(constraint: Constraint, scale: MetricScale, sign: float) -> tuple[float, float]:
    """Return the constraint in the output's units and direction."""
    low = -np.inf if constraint.minimum is None else float(scale(constraint.minimum))
    high = np.inf if constraint.maximum is None else float(scale(constraint.maximum))
    return (low, high) if sign > 0 else (-high, -low)
