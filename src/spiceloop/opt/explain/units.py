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
        """Return the units of ``outputs``, which were made of ``task`` and ``history``.

        ``history`` as the model has it: thinned, where it is long.
        """
        scales = metric_scales(task, history.metrics, history.metric_names)
        maximized = {g.metric for g in task.goals if g.maximize}
        sign = np.array([-1.0 if n in maximized else 1.0 for n in scales])
        raw = sign * np.column_stack(
            [scales[n](column(history.metrics, history.metric_names, n)) for n in scales]
        )
        raw = raw[np.isfinite(raw).all(axis=1) & ~history.failed]
        log = tuple(s.log for s in scales.values())
        return cls(tuple(scales), log, sign, outputs.centre, outputs.sd, raw)

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
