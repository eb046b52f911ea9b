"""Which variables matter: two heat maps, metrics by variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.opt.explain.slopes import STEP, Slope
from spiceloop.report.axes import shown
from spiceloop.report.cards.base import Plot
from spiceloop.report.explain.words import amount
from spiceloop.report.view import StudyView

__all__ = ["make"]

# Metrics whose model predicts less than this share of their variance are marked.
_POOR = 0.5
# Shares of the row's largest value below which a cell is left empty.
_LEAST_TOTAL, _LEAST_SLOPE = 0.02, 0.02


@dataclass(frozen=True)
class Cell:
    """``shade`` from 0 to 1; ``direction`` is ``up``, ``down`` or empty."""

    text: str
    shade: float = 0.0
    direction: str = ""
    more: str = ""


@dataclass(frozen=True)
class Row:
    """One metric; ``poor`` where the model does not predict it well."""

    name: str
    role: str
    trust: str
    poor: bool
    cells: tuple[Cell, ...]


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    found = view.explained.sensitivity
    names = view.task.space.names
    trust = {e.metric: e.q2 for e in view.explained.cross_validation}
    slopes: dict[str, list[Slope]] = {}
    for slope in found.slopes:
        slopes.setdefault(slope.metric, []).append(slope)

    def row(metric: str, cells: tuple[Cell, ...]) -> Row:
        q2 = trust[metric]
        return Row(
            metric,
            view.problem.metrics[metric].goal or "",
            "–" if math.isnan(q2) else f"{100 * max(q2, 0.0):.0f} %",
            not q2 >= _POOR,
            cells,
        )

    return {
        "variables": names,
        "total": [
            row(m, tuple(_share(s) for s in shares.values())) for m, shares in found.total.items()
        ],
        "trial": found.trial,
        "is_chosen": view.chosen is not None and view.chosen.number == found.trial,
        "step": f"{100 * STEP:.0f} %",
        "of_range": [v.name for v in view.task.space.variables if v.lower <= 0],
        "local": [
            row(m, _slopes(view.problem.metrics[m].unit, row_of)) for m, row_of in slopes.items()
        ],
        "n": len(view.explained.model.now.history.x),
        "of": len(view.ended),
    }, ()


def _share(share: float) -> Cell:
    if not share >= _LEAST_TOTAL:  # NaN too: a metric that never changes
        return Cell("")
    return Cell(f"{100 * share:.0f}", min(1.0, share), "up")


def _slopes(unit: str, slopes: list[Slope]) -> tuple[Cell, ...]:
    most = max(abs(s.change) for s in slopes)
    cells = []
    for s in slopes:
        if not abs(s.change) > _LEAST_SLOPE * most:
            cells.append(Cell(""))
            continue
        sign = "+" if s.change > 0 else ""
        more = "" if s.elasticity is None else f"elasticity {shown(s.elasticity, digits=2)}"
        cells.append(
            Cell(
                sign + amount(s.change, s.relative, unit),
                abs(s.change) / most,
                "up" if s.change > 0 else "down",
                more,
            )
        )
    return tuple(cells)
