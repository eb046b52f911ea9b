"""How the study went on: hypervolume, and the best of each objective so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spiceloop.report import figures, interactive
from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.static import new_figure, picture, style
from spiceloop.report.view import StudyView

__all__ = ["make_best", "make_hypervolume"]


def make_hypervolume(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card of hypervolume against trials."""
    if not view.ended:
        raise CannotDrawError("No trial has ended yet.")
    if not view.front.feasible.any():
        raise CannotDrawError(
            "No trial meets every constraint, so the hypervolume is zero throughout."
        )
    volume = view.front.volume
    with style():
        figure = new_figure(6.5, 3.2)
        figures.hypervolume(view, figure.subplots())
        image = picture(figure, "hypervolume", "hypervolume against trials")
    return {
        "last": float(volume.values[-1]),
        "percent_error": 100 * volume.relative_error,
        "zero": not volume.values[-1] > 0,
    }, (Plot("hypervolume", "", image, interactive.hypervolume(view)),)


def make_best(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card of every objective against trials."""
    if not view.done:
        raise CannotDrawError("No trial was simulated to the end, so there is no value to show.")
    with style():
        image = picture(figures.progress(view), "best_so_far", "each objective against trials")
    facts = {
        "none_feasible": not view.front.feasible.any(),
        "guided": view.first_model_trial,
    }
    return facts, (Plot("best", "", image, interactive.progress(view)),)
