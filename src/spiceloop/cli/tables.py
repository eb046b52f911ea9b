"""Metrics as rows and tables: values with units, bounds met or not, ratios to the start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from spiceloop.units import format_si

if TYPE_CHECKING:
    from rich.table import Table

    from spiceloop.spec.problem import Metric, Problem
    from spiceloop.study.trial import Trial

__all__ = [
    "bound_text",
    "comparison_table",
    "design_table",
    "metric_rows",
    "metric_table",
    "ratio_text",
    "show",
]


def show(value: float | None, unit: str = "") -> str:
    """Write a value in engineering notation; what is absent as a dash."""
    return "–" if value is None or math.isnan(value) else format_si(value, unit)


def ratio_text(value: float | None, start: float | None) -> str:
    """Write ``value`` against ``start`` as ``×1.24``; a dash where a ratio says nothing."""
    if value is None or start is None or not start or value * start < 0:
        return "–"
    ratio = value / start
    return f"×{ratio:.3g}" if math.isfinite(ratio) else "–"


def bound_text(metric: Metric) -> str:
    """Write a metric's bounds: ``≥ 60 dB``, ``≤ 1 mW``, ``1 … 2 V``; empty without any."""
    low, high = metric.minimum, metric.maximum
    if low is not None and high is not None:
        return f"{show(low, metric.unit)} … {show(high, metric.unit)}"
    if low is not None:
        return f"≥ {show(low, metric.unit)}"
    return f"≤ {show(high, metric.unit)}" if high is not None else ""


def metric_rows(problem: Problem, metrics: Mapping[str, float]) -> list[dict[str, object]]:
    """Return each metric with value, unit, goal, bounds and whether they are met (None: no bound).

    Values are SI numbers.
    """
    violations = problem.violations(dict(metrics))
    return [
        {
            "metric": name,
            "value": metrics[name],
            "unit": m.unit,
            "goal": m.goal,
            "minimum": m.minimum,
            "maximum": m.maximum,
            "met": name not in violations
            if m.minimum is not None or m.maximum is not None
            else None,
        }
        for name, m in problem.metrics.items()
    ]


def metric_table(problem: Problem, metrics: Mapping[str, float]) -> Table:
    """Return one evaluation's metrics as a table for people."""
    table = _plain_table("metric", "value", "wanted", "")
    violations = problem.violations(dict(metrics))
    for name, metric in problem.metrics.items():
        wanted = ", ".join(filter(None, (bound_text(metric), metric.goal)))
        met = "[red]missed[/red]" if name in violations else "met" if bound_text(metric) else ""
        table.add_row(name, show(metrics[name], metric.unit), wanted, met)
    return table


def comparison_table(problem: Problem, start: Trial | None, chosen: Trial) -> Table:
    """Return the chosen design's metrics against the start's as a table for people."""
    table = _plain_table("metric", "start", "chosen", "ratio", "", "wanted")
    for name, metric in problem.metrics.items():
        before = start.metrics.get(name) if start else None
        after = chosen.metrics[name]
        table.add_row(
            name,
            show(before, metric.unit),
            show(after, metric.unit),
            ratio_text(after, before),
            _verdict(metric, before, after, missed=name in chosen.violations),
            ", ".join(filter(None, (bound_text(metric), metric.goal))),
        )
    return table


def design_table(problem: Problem, start: Trial | None, chosen: Trial) -> Table:
    """Return the chosen design's parameters, tied ones included, against the start's."""
    table = _plain_table("parameter", "start", "chosen", "ratio")
    before = problem.with_tied(dict(start.design)) if start else {}
    for name, value in problem.with_tied(dict(chosen.design)).items():
        unit = problem.parameters[name].unit
        table.add_row(
            name,
            show(before.get(name), unit),
            show(value, unit),
            ratio_text(value, before.get(name)),
        )
    return table


def _plain_table(*headers: str) -> Table:
    """Return a table without lines, columns of numbers ranged right."""
    from rich.table import Table

    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        if column.header in {"value", "start", "chosen", "ratio"}:
            column.justify = "right"
    return table


def _verdict(metric: Metric, before: float | None, after: float, *, missed: bool) -> str:
    """Say ``missed`` for a bound not met, else whether an objective became better or worse."""
    if missed:
        return "[red]missed[/red]"
    if metric.goal is None:
        return "met" if bound_text(metric) else ""
    if before is None or after == before:
        return ""
    better = (after > before) == (metric.goal == "maximize")
    return "[green]better[/green]" if better else "[yellow]worse[/yellow]"
