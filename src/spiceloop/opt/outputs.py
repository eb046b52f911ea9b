"""A study's history in the model's terms: standardised outputs, bounds and the reference point.

Outputs are the losses of the goals, then the transformed metrics that are only constrained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiceloop.opt.base import Constraint, Floats, History, Task
from spiceloop.opt.pareto import Mask, feasible_mask, losses, reference_point
from spiceloop.opt.transform import MetricScale, column, metric_scales

__all__ = ["Outputs", "model_outputs"]

# An output is clipped this many interquartile ranges beyond the worse of its median and the values
# that matter (reference, bounds): a circuit that does not work at all has figures decades away,
# which would take all of the model's attention.
_CLIP = 3.0


@dataclass(frozen=True)
class Outputs:
    """The finished trials, for the model. Rows are finished trials, columns standardised outputs.

    ``lower`` and ``upper`` (m,) are the constraints in the same units, infinite where none;
    ``reference`` (k,) is what hypervolume improvement is counted from.
    """

    x: Floats  # (n, d)
    y: Floats  # (n, m), the first k columns are losses
    feasible: Mask  # (n,)
    lower: Floats  # (m,)
    upper: Floats  # (m,)
    reference: Floats  # (k,)

    @property
    def front(self) -> Floats:
        """Losses (f, k) of the feasible trials."""
        return self.y[self.feasible, : len(self.reference)]

    @property
    def constrained(self) -> bool:
        """Whether any output has a bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())


def model_outputs(task: Task, history: History, s=None) -> Outputs:
    """Transform, clip and standardise what the finished trials gave."""
    args = (task, history.metrics, history.metric_names)
    scales = metric_scales(*args)
    goals = {goal.metric: j for j, goal in enumerate(task.goals)}
    only = [c.metric for c in task.constraints if c.metric not in goals]
    names = [*goals, *dict.fromkeys(only)]
    signs = np.array([-1.0 if n in goals and task.goals[goals[n]].maximize else 1.0 for n in names])
    y = np.column_stack(
        [
            s * scales[n](column(history.metrics, history.metric_names, n))
            for n, s in zip(names, signs, strict=True)
        ]
    )
    finished = np.isfinite(y).all(axis=1) & ~history.failed
    reference = reference_rule(task, history, s)
    lower, upper = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    for constraint in task.constraints:
        j = names.index(constraint.metric)
        low, high = _bounds(constraint, scales[constraint.metric], signs[j])
        lower[j], upper[j] = max(lower[j], low), min(upper[j], high)
    y = y[finished]
    q1, median, q3 = np.percentile(y, [25, 50, 75], axis=0)
    width = np.maximum(q3 - q1, 1e-12)
    k = len(task.goals)
    worst = np.maximum(np.where(np.isfinite(upper), upper, -np.inf), median)
    worst[:k] = np.maximum(worst[:k], reference)
    y_top = worst+s.clip*width
    y_low = np.where(np.isfinite(lower), np.minimum(lower, median)-s.clip*width, -np.inf)
    y_top[k:][~np.isfinite(upper[k:])] = np.inf
    y = np.clip(y, y_low, y_top)
    center, sd = y.mean(axis=0), y.std(axis=0)
    sd = np.where(sd > 1e-12 * np.maximum(1.0, np.abs(center)), sd, 1.0)
    return Outputs(
        x=history.x[finished],
        y=(y - center) / sd,
        feasible=feasible_mask(*args)[finished],
        lower=(lower - center) / sd,
        upper=(upper - center) / sd,
        reference=((reference - center[:k]) / sd[:k]),
    )


def _bounds(constraint: Constraint, scale: MetricScale, sign: float) -> tuple[float, float]:
    low = -np.inf if constraint.minimum is None else float(scale(constraint.minimum))
    high = np.inf if constraint.maximum is None else float(scale(constraint.maximum))
    return (low, high) if sign > 0 else (-high, -low)


def reference_rule(task, history, s):
    args = (task, history.metrics, history.metric_names)
    L = losses(*args)
    st = history.start
    if st is not None and np.isfinite(L[st]).all() and s.reference != "nadir":
        base = L[st]
        dec = reference_point(*args, st)
        if s.reference == "start":
            return base
        if s.reference == "frac":
            return base + s.relax * (dec - base)
        if s.reference == "alternate":
            return base if history.n_asked % 2 else base + s.relax * (dec - base)
        if s.reference == "shrink":
            t = max(0.0, 1 - (history.n_asked - task.n_initial) / s.over)
            return base + s.relax * t * (dec - base)
    return reference_point(*args, None)
