"""How a metric is shown: label with unit, tick notation, logarithmic or not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spiceloop.report.view import StudyView
from spiceloop.units import PLAIN_UNITS, format_si

__all__ = ["MetricAxis", "metric_axes", "shown"]

_LONGEST = 20  # characters of a name or unit on an axis


@dataclass(frozen=True)
class MetricAxis:
    """One objective's axis."""

    name: str
    unit: str
    log: bool
    maximize: bool
    description: str = ""

    @property
    def label(self) -> str:
        """Name and unit, ``irn (V)``, cut to what fits beside a small panel."""
        return f"{_cut(self.name)} ({_cut(self.unit)})" if self.unit else _cut(self.name)

    @property
    def wanted(self) -> str:
        """The direction in words."""
        return "more is better" if self.maximize else "less is better"

    @property
    def prefixed(self) -> bool:
        """Whether ticks carry SI prefixes."""
        return bool(self.unit) and self.unit not in PLAIN_UNITS

    def show(self, value: float) -> str:
        """A value with its unit."""
        return shown(value, self.unit)


def metric_axes(view: StudyView) -> tuple[MetricAxis, ...]:
    """Return the axes of the objectives; logarithmic where the optimizer modelled logarithms."""
    axes = []
    for goal, log in zip(view.task.goals, view.front.log, strict=True):
        metric = view.problem.metrics[goal.metric]
        values = [t.metrics[goal.metric] for t in view.done if goal.metric in t.metrics]
        positive = bool(values) and min(values) > 0
        axes.append(
            MetricAxis(
                goal.metric,
                metric.unit,
                bool(log) and positive,
                goal.maximize,
                metric.description,
            )
        )
    return tuple(axes)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def shown(value: float | None, unit: str = "", digits: int = 4) -> str:
    """Engineering notation for people; a dash for what is missing."""
    if value is None or math.isnan(value):
        return "–"
    # A ratio is no milli anything, so a number without a unit gets no prefix.
    text = format_si(value, unit, digits) if unit else f"{value:.{digits}g}"
    return text.replace("-", "−")
