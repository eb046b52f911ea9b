"""Corners as tables: the worst of each metric and where it is, and every corner's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from spiceloop.cli.tables import plain_table
from spiceloop.report.axes import shown
from spiceloop.report.compare import bounds_text
from spiceloop.spec.worst import worst_at

if TYPE_CHECKING:
    from rich.table import Table

    from spiceloop.spec.corners import Corner
    from spiceloop.spec.problem import Problem

__all__ = ["corner_rows", "corner_tables", "worst_table"]

_COLUMNS = 6  # metrics side by side

# corner → metric → value
ByCorner = Mapping[str, Mapping[str, float]]


def worst_table(problem: Problem, metrics: Mapping[str, float], by_corner: ByCorner) -> Table:
    """Return the worst value of each metric, where it is, and the typical one."""
    table = plain_table("metric", "typical", "worst", "at corner", "wanted", "")
    typical = by_corner.get(problem.corners[0].name, {})
    at = worst_at(problem, by_corner, problem.corners[0].name)
    violations = problem.violations(metrics)
    for name, metric in problem.metrics.items():
        bounds = bounds_text(metric)
        judged = bounds and name in metrics
        table.add_row(
            name,
            shown(typical.get(name), metric.unit),
            shown(metrics.get(name), metric.unit),
            at.get(name, ""),
            ", ".join(filter(None, (bounds, metric.goal))),
            "[red]missed[/red]" if name in violations else "met" if judged else "",
        )
    return table


def corner_tables(problem: Problem, by_corner: ByCorner) -> Iterator[Table]:
    """Yield tables of a row a corner, some metrics each: ``*`` the worst, ``!`` a bound missed."""
    at = worst_at(problem, by_corner, problem.corners[0].name)
    names = list(at)
    for first in range(0, len(names), _COLUMNS):
        some = names[first : first + _COLUMNS]
        table = plain_table("corner", *some)
        for column in table.columns[1:]:
            column.justify = "right"
        for corner, metrics in by_corner.items():
            missed = problem.violations(metrics)
            cells = []
            for name in some:
                metric = problem.metrics[name]
                text = shown(metrics.get(name), metric.unit)
                decides = at[name] == corner and (metric.goal or metric.bounded)
                text = f"{'!' * (name in missed)}{'*' * bool(decides)}{text}"
                cells.append(f"[red]{text}[/red]" if name in missed else text)
            table.add_row(corner, *cells)
        yield table


def corner_rows(corners: tuple[Corner, ...], by_corner: ByCorner) -> list[dict[str, object]]:
    """Return what a corner is and its metrics (SI), for JSON; only the corners simulated."""
    return [
        {
            "corner": c.name,
            "process": c.process,
            "conditions": dict(c.conditions),
            "metrics": dict(by_corner[c.name]),
        }
        for c in corners
        if c.name in by_corner
    ]
