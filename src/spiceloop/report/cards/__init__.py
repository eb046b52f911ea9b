"""The report's cards, in the order in which they are read."""

from __future__ import annotations

from spiceloop.report.cards import (
    circuit,
    comparison,
    corners,
    failures,
    forecasts,
    fronts,
    headline,
    limits,
    model_error,
    netlist,
    progress,
    proposals,
    provenance,
    sensitivity,
    variables,
)
from spiceloop.report.cards.base import Card, Maker, Plot, draw
from spiceloop.report.view import StudyView

__all__ = ["Card", "Plot", "all_cards"]

_CARDS: tuple[tuple[str, str, Maker], ...] = (
    ("headline", "Result", headline.make),
    ("comparison", "Start against chosen designs", comparison.make),
    ("corners", "Corners", corners.make),
    ("fronts", "Trade-offs", fronts.make_matrix),
    ("parallel", "Parallel coordinates", fronts.make_parallel),
    ("hypervolume", "Hypervolume", progress.make_hypervolume),
    ("progress", "Best so far", progress.make_best),
    ("circuit", "Circuit figures", circuit.make),
    ("variables", "Design variables", variables.make),
    ("netlist", "Sized netlist", netlist.make),
    ("sensitivity", "Which variables matter", sensitivity.make),
    ("limits", "What limits each objective", limits.make),
    ("model-error", "How far the model can be trusted", model_error.make),
    ("forecasts", "Predicted against simulated", forecasts.make),
    ("proposals", "Why these designs", proposals.make),
    ("failures", "What failed, and why", failures.make),
    ("provenance", "How this was made", provenance.make),
)


def all_cards(view: StudyView) -> tuple[Card, ...]:
    """Draw every card; one that cannot be drawn says why.

    The card of corners stands only in the report of a problem that has some.
    """
    several = len(view.problem.corners) > 1
    return tuple(
        draw(key, title, make, view) for key, title, make in _CARDS if several or key != "corners"
    )
