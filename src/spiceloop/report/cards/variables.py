"""Every design variable from start to chosen, and where it ended between its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.circuit.design_space import Variable
from spiceloop.report.axes import shown
from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.compare import at_bound, ratio_text
from spiceloop.report.view import StudyView

__all__ = ["make"]


@dataclass(frozen=True)
class Row:
    """One variable; positions are shares of the way from minimum to maximum, on its scale."""

    name: str
    description: str
    minimum: str
    maximum: str
    scale: str
    start: str
    chosen: str
    ratio: str
    at_bound: str
    start_at: float | None
    chosen_at: float | None


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    if view.chosen is None and view.start is None:
        raise CannotDrawError("There is neither a start nor a chosen design.")
    rows = [_row(view, v) for v in view.task.space.variables]
    tied = [
        (name, p.tied_to, f"{p.ratio:g}")
        for name, p in view.problem.parameters.items()
        if p.tied_to is not None
    ]
    return {"rows": rows, "tied": tied, "at_bounds": sum(bool(r.at_bound) for r in rows)}, ()


def _row(view: StudyView, variable: Variable) -> Row:
    start = view.start.design.get(variable.name) if view.start else None
    chosen = view.chosen.design.get(variable.name) if view.chosen else None
    unit = variable.unit
    return Row(
        variable.name,
        view.problem.parameters[variable.name].description,
        shown(variable.lower, unit),
        shown(variable.upper, unit),
        "log" if variable.log else "linear",
        shown(start, unit),
        shown(chosen, unit),
        ratio_text(chosen, start),
        f"at {end}" if chosen is not None and (end := at_bound(variable, chosen)) else "",
        None if start is None else _place(variable, start),
        None if chosen is None else _place(variable, chosen),
    )


def _place(variable: Variable, value: float) -> float:
    return min(1.0, max(0.0, variable.to_unit(value)))
