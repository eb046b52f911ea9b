"""What limits each objective: the bounds that its best design touches, with their price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.opt.explain.relax import RADIUS
from spiceloop.report.axes import shown
from spiceloop.report.cards.base import Plot
from spiceloop.report.explain.limits import LOOSER, NEAR, Limit
from spiceloop.report.explain.words import amount, limit_words
from spiceloop.report.view import StudyView

__all__ = ["make"]


@dataclass(frozen=True)
class Row:
    """One bound."""

    name: str
    bound: str
    value: str
    room: str
    gain: str


@dataclass(frozen=True)
class Objective:
    """One objective with what limits it."""

    name: str
    goal: str
    trial: int
    value: str
    words: list[str]
    rows: list[Row]


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    return {
        "objectives": [_objective(view, limit) for limit in view.explained.limits],
        "near": f"{100 * NEAR:.0f} %",
        "looser": f"{100 * LOOSER:.0f} %",
        "radius": f"{100 * RADIUS:.0f} %",
    }, ()


def _objective(view: StudyView, limit: Limit) -> Objective:
    metric = view.problem.metrics[limit.goal]
    rows = []
    for touched in limit.bounds:
        unit = view.problem.metrics[touched.metric].unit
        rows.append(
            Row(
                touched.metric,
                f"{'≥' if touched.side == 'minimum' else '≤'} {shown(touched.bound, unit)}",
                shown(touched.value, unit),
                amount(touched.room, True, unit),
                "–"
                if touched.gain is None
                else amount(touched.gain, limit.relative, metric.unit) + " better",
            )
        )
    return Objective(
        limit.goal,
        metric.goal or "",
        limit.trial,
        shown(limit.value, metric.unit),
        limit_words(view, limit),
        rows,
    )
