"""The start, the chosen design, and the designs that are best in one objective each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report.axes import shown
from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.compare import Change, bounds_text, change, shortfall
from spiceloop.report.view import StudyView
from spiceloop.spec.problem import Metric
from spiceloop.study.trial import Trial

__all__ = ["make"]


@dataclass(frozen=True)
class Column:
    """One design of the table."""

    trial: Trial
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One metric of one design."""

    value: str
    change: Change | None
    bounded: bool
    missing: str  # by how much a bound is not met, or empty


@dataclass(frozen=True)
class Row:
    """One metric over the designs."""

    name: str
    description: str
    role: str
    bound: str
    cells: tuple[Cell, ...]


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    columns = _columns(view)
    if not columns:
        raise CannotDrawError(
            "No trial was simulated to the end, so there is no design to compare."
        )
    objectives = view.problem.objectives
    others = {n: m for n, m in view.problem.metrics.items() if n not in objectives}
    bounded = {n: m for n, m in others.items() if bounds_text(m)}
    plain = {n: m for n, m in others.items() if n not in bounded}
    return {
        "columns": columns,
        "sections": [
            (title, [_row(view, columns, n, m) for n, m in metrics.items()])
            for title, metrics in (
                ("Objectives", objectives),
                ("Constraints", bounded),
                ("Also measured", plain),
            )
            if metrics
        ],
        "has_start": view.start is not None and bool(view.start.metrics),
    }, ()


def _columns(view: StudyView) -> list[Column]:
    """Start, chosen, then the best in each objective; a design stands once, with all its labels."""
    labels: dict[int, list[str]] = {}
    if view.start is not None and view.start.metrics:
        labels.setdefault(view.start.number, []).append("start")
    if view.chosen is not None and view.chosen.metrics:
        labels.setdefault(view.chosen.number, []).append("chosen")
    feasible = [t for t in view.done if t.feasible]
    for name, metric in view.problem.objectives.items():
        if feasible:
            pick = max if metric.goal == "maximize" else min
            best = pick(feasible, key=lambda t: t.metrics[name])
            labels.setdefault(best.number, []).append(f"best {name}")
    by_number = {t.number: t for t in view.done}
    return [Column(by_number[n], tuple(text)) for n, text in labels.items()]


def _row(view: StudyView, columns: list[Column], name: str, metric: Metric) -> Row:
    start = view.start.metrics.get(name) if view.start else None
    cells = []
    for column in columns:
        value = column.trial.metrics.get(name)
        compared = (
            change(metric, value, start)
            if value is not None and start is not None and "start" not in column.labels
            else None
        )
        cells.append(
            Cell(
                shown(value, metric.unit),
                compared,
                bool(bounds_text(metric)),
                shortfall(name, metric, column.trial),
            )
        )
    return Row(name, metric.description, metric.goal or "", bounds_text(metric), tuple(cells))
