"""The chosen design at every corner: each metric with its worst marked, and what margin is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report import figures
from spiceloop.report.axes import shown
from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.compare import bounds_text
from spiceloop.report.static import new_figure, picture, style
from spiceloop.report.view import StudyView
from spiceloop.spec.worst import worst_at
from spiceloop.study.trial import Trial

__all__ = ["make"]


@dataclass(frozen=True)
class Cell:
    """One metric at one corner; ``mark`` is ``worst``, ``typical`` (shown only) or empty."""

    value: str
    mark: str
    missed: bool


@dataclass(frozen=True)
class Row:
    """One metric over the corners."""

    name: str
    description: str
    role: str
    bound: str
    cells: tuple[Cell, ...]


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    trial = view.chosen
    if trial is None or not trial.corners:
        raise CannotDrawError("No design was chosen, so there is none to show at its corners.")
    every = view.problem.corners
    names = [c.name for c in every if c.name in trial.corners]
    plots: tuple[Plot, ...] = ()
    if any(m.bounded for m in view.problem.metrics.values()):
        with style():
            figure = new_figure(6.5, figures.corner_margins_height(view))
            figures.corner_margins(view, trial, figure.subplots())
            plots = (Plot("corners", "", picture(figure, "corners", "margin at every corner")),)
    run, saved = (sum(getattr(t, n) for t in view.ended) for n in ("simulations", "saved"))
    return {
        "trial": trial.number,
        "corners": [(n.split("/"), n == every[0].name) for n in names],
        "skipped": len(every) - len(names),
        "rows": [_row(view, trial, names, m) for m in view.problem.metrics],
        "run": run,
        "saved": saved,
        "percent": 100 * saved / (run + saved) if run + saved else 0.0,
        "early_stop": view.problem.early_stop,
    }, plots


def _row(view: StudyView, trial: Trial, corners: list[str], name: str) -> Row:
    metric = view.problem.metrics[name]
    at = worst_at(view.problem, trial.corners, view.problem.corners[0].name).get(name)
    cells = []
    for corner in corners:
        value = trial.corners[corner].get(name)
        decides = corner == at
        cells.append(
            Cell(
                shown(value, metric.unit),
                ("worst" if metric.goal or metric.bounded else "typical") if decides else "",
                value is not None and (metric.excess(value) or 0.0) > 0,
            )
        )
    return Row(name, metric.description, metric.goal or "", bounds_text(metric), tuple(cells))
