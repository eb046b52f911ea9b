"""A design's metric against the start's: ratio or difference, better or worse, bound met or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spiceloop.circuit.design_space import Variable
from spiceloop.report.axes import shown
from spiceloop.spec.problem import Metric
from spiceloop.study.trial import Trial

__all__ = ["Change", "Verdict", "at_bound", "bounds_text", "change", "ratio_text", "shortfall"]

Verdict = Literal["better", "worse", "same", ""]

# A ratio of decibels, degrees or temperatures means nothing; their difference does.
_DIFFERENCE = {"dB", "dBm", "dBV", "deg", "°", "°C"}
# Relative difference below which two values count as the same.
_SAME = 5e-4


@dataclass(frozen=True)
class Change:
    """``text`` such as ``×2.02`` or ``+3.1 dB``, ``percent`` such as ``+102 %`` or empty."""

    text: str
    percent: str = ""
    verdict: Verdict = ""

    @property
    def mark(self) -> str:
        """A mark that tells the verdict without colour."""
        return {"better": "▲", "worse": "▼", "same": "=", "": ""}[self.verdict]


def change(metric: Metric, value: float, before: float) -> Change:
    """Compare a value with the one before, in the metric's own unit."""
    difference = value - before
    if abs(difference) <= _SAME * max(abs(value), abs(before)):
        return Change("unchanged", "", "same")
    verdict: Verdict = ""
    if metric.goal:
        verdict = "better" if (difference > 0) == (metric.goal == "maximize") else "worse"
    if metric.unit in _DIFFERENCE or value * before <= 0:
        sign = "+" if difference > 0 else ""
        return Change(sign + shown(difference, metric.unit, 3), "", verdict)
    ratio = value / before
    percent = f"{100 * (ratio - 1):+.0f} %".replace("-", "−") if 0.01 < ratio < 10 else ""
    return Change(ratio_text(value, before), percent, verdict)


def ratio_text(value: float | None, before: float | None) -> str:
    """Write ``×1.24``; empty where a ratio says nothing."""
    return (
        "" if value is None or before is None or value * before <= 0 else f"×{value / before:.3g}"
    )


def bounds_text(metric: Metric) -> str:
    """The constraint in words: ``≥ 60 dB``, ``1 V … 2 V``, or empty."""
    if metric.minimum is not None and metric.maximum is not None:
        return f"{shown(metric.minimum, metric.unit)} … {shown(metric.maximum, metric.unit)}"
    if metric.minimum is not None:
        return f"≥ {shown(metric.minimum, metric.unit)}"
    if metric.maximum is not None:
        return f"≤ {shown(metric.maximum, metric.unit)}"
    return ""


def shortfall(name: str, metric: Metric, trial: Trial) -> str:
    """By how much a bounded metric misses its bound, in its unit; empty where it is met."""
    if name not in trial.violations or name not in trial.metrics:
        return ""
    value = trial.metrics[name]
    if metric.minimum is not None and value < metric.minimum:
        return f"misses by {shown(metric.minimum - value, metric.unit, 3)}"
    if metric.maximum is not None and value > metric.maximum:
        return f"exceeds by {shown(value - metric.maximum, metric.unit, 3)}"
    return "violated"


def at_bound(variable: Variable, value: float) -> Literal["minimum", "maximum", ""]:
    """The end of its range that a variable stands at, or empty."""
    step = variable.grid / 2 or 1e-6 * (variable.upper - variable.lower)
    if value <= variable.lower + step:
        return "minimum"
    return "maximum" if value >= variable.upper - step else ""
