"""Trade-offs: every pair of objectives, and parallel coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spiceloop.report import figures, interactive
from spiceloop.report.axes import metric_axes
from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.static import new_figure, picture, style
from spiceloop.report.view import StudyView

__all__ = ["make_matrix", "make_parallel"]


def _check(view: StudyView) -> None:
    if not view.front.groups:
        raise CannotDrawError(
            "No trial was simulated to the end, so there is no trade-off to show."
        )
    if len(view.task.goals) < 2:
        raise CannotDrawError(
            "There is one objective only, so nothing is traded off; see “Best so far” below."
        )


def make_matrix(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card of pairwise fronts."""
    _check(view)
    with style():
        image = picture(figures.pareto_matrix(view), "pareto", "objectives against each other")
    plot = Plot("pareto", "", image, interactive.pareto_matrix(view), "matrix")
    return {
        "n_pareto": len(view.front.pareto_trials),
        "axes": metric_axes(view),
        "none_feasible": not view.front.feasible.any(),
    }, (plot,)


def make_parallel(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card of parallel coordinates."""
    _check(view)
    with style():
        figure = new_figure(max(5.0, min(11.0, 1.7 * len(view.task.goals))), 3.8)
        figures.parallel_coordinates(view, figure.subplots())
        image = picture(figure, "parallel", "designs as lines over the objectives")
    return {}, (Plot("parallel", "", image, interactive.parallel_coordinates(view), "parallel"),)
