"""How far the model can be trusted: every trial predicted from the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report.axes import shown
from spiceloop.report.cards.base import Plot
from spiceloop.report.chart import Chart, Line, Panel, draw_chart, plotly_chart, value_axis
from spiceloop.report.explain.errors import MetricError
from spiceloop.report.explain.words import amount
from spiceloop.report.palette import BLUE, GREY
from spiceloop.report.static import picture, style
from spiceloop.report.view import StudyView

__all__ = ["make"]

# Metrics that are drawn at most: the goals, then those that are predicted worst.
_DRAWN = 9


@dataclass(frozen=True)
class Row:
    """One metric."""

    name: str
    role: str
    q2: str
    poor: bool
    error: str
    coverage: str
    clipped: int


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    errors = view.explained.cross_validation
    k = len(view.task.goals)
    worst = sorted(errors[k:], key=lambda e: e.q2 if math.isfinite(e.q2) else math.inf)
    drawn = [*errors[:k], *worst][:_DRAWN]
    chart = Chart(tuple(_panel(view, e) for e in drawn), columns=min(3, len(drawn)), row_height=270)
    with style():
        image = picture(
            draw_chart(chart), "model-error", "each trial predicted from the others, by metric"
        )
    trials = len(errors[0].actual)
    return {
        "rows": [_row(view, e) for e in errors],
        "n": trials,
        "coverage": f"{100 * sum(e.coverage for e in errors) / len(errors):.0f} %",
        "left_out": len(errors) - len(drawn),
    }, (Plot("model-error", "", image, plotly_chart(chart)),)


def _row(view: StudyView, error: MetricError) -> Row:
    metric = view.problem.metrics[error.metric]
    return Row(
        error.metric,
        metric.goal or "",
        shown(error.q2, digits=2),
        not error.q2 >= 0.5,
        amount(error.rms, error.relative, metric.unit),
        f"{100 * error.coverage:.0f} %",
        error.clipped,
    )


def _panel(view: StudyView, error: MetricError) -> Panel:
    unit = view.problem.metrics[error.metric].unit
    ends = (min(error.actual), max(error.actual))
    every = [*ends, *(v for p in error.predicted for v in (p.low, p.high))]
    simulated = value_axis("simulated", unit, ends, log=error.relative)
    predicted = value_axis("predicted", unit, every, log=error.relative)
    return Panel(
        (
            Line(ends, ends, "as simulated", GREY, "dash", width=1.2),
            Line(
                error.actual,
                [p.median for p in error.predicted],
                "predicted from the others, 95 %",
                BLUE,
                marker="circle",
                line=False,
                low=[p.low for p in error.predicted],
                high=[p.high for p in error.predicted],
            ),
        ),
        simulated,
        predicted,
        error.metric,
    )
