"""What the model of the moment predicted of each trial, against what came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spiceloop.report.cards.base import Plot
from spiceloop.report.chart import (
    Axis,
    Chart,
    Line,
    Marker,
    Panel,
    draw_chart,
    plotly_chart,
    value_axis,
)
from spiceloop.report.explain.forecasts import Forecasts
from spiceloop.report.palette import BLUE, GREEN, VERMILION
from spiceloop.report.static import picture, style
from spiceloop.report.view import StudyView

__all__ = ["make"]

# Metrics that are drawn at most: the goals, then those whose predictions held least.
_DRAWN = 9


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    found = view.explained.forecasts
    names = list(found.trials[0].predicted)
    k = len(view.task.goals)
    drawn = [*names[:k], *sorted(names[k:], key=found.coverage)][:_DRAWN]
    log = dict(zip(names, view.explained.model.now.units.log, strict=True))
    chart = Chart(
        tuple(_panel(view, found, n, log[n]) for n in drawn),
        columns=min(3, len(drawn)),
        row_height=250,
    )
    with style():
        image = picture(draw_chart(chart), "forecasts", "predicted against simulated, by trial")
    return {
        "n": len(found.trials),
        "of": found.of,
        "own": found.own,
        "percent": f"{100 * found.coverage():.0f} %",
        "held": sum(t.inside(n) for t in found.trials for n in names),
        "made": len(found.trials) * len(names),
        "metrics": [(n, f"{100 * found.coverage(n):.0f} %") for n in names],
        "left_out": len(names) - len(drawn),
        "workers": view.workers,
    }, (Plot("forecasts", "", image, plotly_chart(chart)),)


def _panel(view: StudyView, found: Forecasts, name: str, log: bool) -> Panel:
    unit = view.problem.metrics[name].unit
    at = [t.predicted[name] for t in found.trials]
    lines = [
        Line(
            [t.trial for t in found.trials],
            [p.median for p in at],
            "predicted, 95 %",
            BLUE,
            marker="circle",
            line=False,
            low=[p.low for p in at],
            high=[p.high for p in at],
        )
    ]
    kinds: tuple[tuple[bool, str, str, Marker], ...] = (
        (True, "simulated, within", GREEN, "square"),
        (False, "simulated, outside", VERMILION, "x"),
    )
    for inside, label, color, marker in kinds:
        some = [t for t in found.trials if t.inside(name) is inside]
        if some:
            lines.append(
                Line(
                    [t.trial for t in some],
                    [t.simulated[name] for t in some],
                    label,
                    color,
                    marker=marker,
                    line=False,
                )
            )
    every = [
        v for t, p in zip(found.trials, at, strict=True) for v in (t.simulated[name], p.low, p.high)
    ]
    return Panel(tuple(lines), Axis("trial"), value_axis(name, unit, every, log=log), name)
