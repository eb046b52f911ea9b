"""How a metric is modelled: natural logarithm, or as it is.

The rule for scale ``auto``: logarithm where every finished trial's value is positive, else linear.
Circuit metrics such as power, bandwidth and noise span decades, and a ratio is what a designer
compares; a quantity that takes zero or negative values (an offset, a phase) has no logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiceloop.opt.base import Floats, Scale, Task

__all__ = ["MetricScale", "column", "metric_scales"]

# Below the smallest positive value seen, a value ≤ 0 under an explicit log scale counts as this
# fraction of that smallest value.
_FLOOR = 0.1


@dataclass(frozen=True)
class MetricScale:
    """One metric's transform; ``floor`` stands for values that have no logarithm."""

    metric: str
    log: bool
    floor: float = 0.0

    def __call__(self, values: npt.ArrayLike) -> Floats:
        """Transform values of any shape, NaN stays NaN."""
        array = np.asarray(values, dtype=float)
        if not self.log:
            return array
        # fmax would hide a NaN: adding 0·array brings it back.
        return np.asarray(np.log(np.fmax(array, self.floor) + 0.0 * array))


def column(metrics: Floats, metric_names: Sequence[str], name: str) -> Floats:
    """Return one metric's values, shape (n,)."""
    return np.asarray(metrics[:, list(metric_names).index(name)], dtype=float)


def metric_scales(
    task: Task, metrics: Floats, metric_names: Sequence[str]
) -> dict[str, MetricScale]:
    """Decide how to model every metric that is a goal or a constraint, goals first.

    Where a goal and a constraint name the same metric with different scales, the goal's holds
    unless it is ``auto``.
    """
    wanted: dict[str, Scale] = {}
    asked = [(g.metric, g.scale) for g in task.goals]
    asked += [(c.metric, c.scale) for c in task.constraints]
    for name, scale in asked:
        if wanted.get(name, "auto") == "auto":
            wanted[name] = scale
    return {
        name: _scale(name, scale, column(metrics, metric_names, name))
        for name, scale in wanted.items()
    }


def _scale(name: str, scale: Scale, values: Floats) -> MetricScale:
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    log = scale == "log" or (scale == "auto" and positive.size == finite.size)
    if not log:
        return MetricScale(name, log=False)
    floor = _FLOOR * float(positive.min()) if positive.size else float(np.finfo(float).tiny)
    return MetricScale(name, log=True, floor=floor)
