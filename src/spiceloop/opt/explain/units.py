"""From the model's standardised outputs to the metrics' own terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.outputs import Outputs
from spiceloop.opt.transform import column, metric_scales

__all__ = ["Z95", "Interval", "Units"]

# Half the width of a normal distribution's central 95 %, in standard deviations.
Z95 = 1.959963984540054
# Two outputs nearer to each other than this tell nothing of the scale but rounding errors.
_APART = 1e-6


@dataclass(frozen=True)
class Interval:
    """A prediction of one metric, SI: its median and the ends of its central 95 %."""

    median: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies within."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Units:
    """Output j is (sign·T(metric) − centre) / sd, where T is the logarithm or nothing.

    ``names`` are metrics in the order of the outputs; the others have shape (m,). ``sign`` is −1
    for a goal to maximize. ``raw`` (n, m) are the values sign·T(metric) of the finished trials.
    """

    names: tuple[str, ...]
    log: tuple[bool, ...]
    sign: Floats
    centre: Floats
    sd: Floats
    raw: Floats

    @classmethod
    def of(cls, task: Task, history: History, outputs: Outputs) -> Units:
        """Return the units of ``outputs``, which were made of ``task`` and ``history``."""
        scales = metric_scales(task, history.metrics, history.metric_names)
        maximized = {g.metric for g in task.goals if g.maximize}
        sign = np.array([-1.0 if n in maximized else 1.0 for n in scales])
        raw = sign * np.column_stack(
            [scales[n](column(history.metrics, history.metric_names, n)) for n in scales]
        )
        raw = raw[np.isfinite(raw).all(axis=1) & ~history.failed]
        lines = [_line(r, y) for r, y in zip(raw.T, outputs.y.T, strict=True)]
        centre, sd = np.array(lines).T
        return cls(tuple(scales), tuple(s.log for s in scales.values()), sign, centre, sd, raw)

    def interval(self, j: int, mean: float, sd: float) -> Interval:
        """Return what a normal prediction of output j means for its metric."""
        ends = [self.value(j, mean + z * sd) for z in (0.0, -Z95, Z95)]
        return Interval(ends[0], min(ends[1:]), max(ends[1:]))

    def value(self, j: int, output: float) -> float:
        """Return the metric's value, SI, of an output."""
        transformed = self.sign[j] * (self.centre[j] + self.sd[j] * output)
        # A logarithm far outside the data would overflow.
        return float(np.exp(np.clip(transformed, -700, 700)) if self.log[j] else transformed)

    def output(self, j: int, value: float) -> float:
        """Return the output of a metric's value; NaN where it has no logarithm."""
        if self.log[j] and value <= 0:
            return float("nan")
        transformed = np.log(value) if self.log[j] else value
        return float((self.sign[j] * transformed - self.centre[j]) / self.sd[j])


def _line(raw: Floats, y: Floats) -> tuple[float, float]:
    """Return centre and sd of outputs ``y`` (n,) that are standardised clipped values of ``raw``.

    Clipping brings two values nearer to each other or leaves them as they are, so the smallest
    ratio of differences is that of a pair that was left alone.
    """
    order = np.argsort(raw, kind="stable")
    raw, y = raw[order], y[order]
    apart = np.flatnonzero(np.diff(y) > _APART)
    if not len(apart):
        return float(raw[0] - y[0]), 1.0
    ratios = np.diff(raw)[apart] / np.diff(y)[apart]
    i = int(apart[np.argmin(ratios)])
    sd = float(ratios.min())
    return float(raw[i] - sd * y[i]), sd
