"""Metrics as rows and tables: values with units, bounds met or not, ratios to the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from spiceloop.report.axes import shown
from spiceloop.report.compare import Change, Verdict, bounds_text, change, ratio_text

if TYPE_CHECKING:
    from rich.table import Table

    from spiceloop.spec.problem import Problem
    from spiceloop.study.trial import Trial

__all__ = [
    "comparison_table",
    "design_table",
    "metric_rows",
    "metric_table",
    "plain_table",
]


_NUMBERS = {"value", "start", "chosen", "change", "ratio", "typical", "worst"}


def metric_rows(problem: Problem, metrics: Mapping[str, float]) -> list[dict[str, object]]:
    """Return each metric with value, unit, goal, bounds and whether they are met.

    Values are SI numbers, None for what was not simulated; ``met`` is None there and without
    bounds.
    """
    violations = problem.violations(dict(metrics))
    return [
        {
            "metric": name,
            "value": metrics.get(name),
            "unit": m.unit,
            "goal": m.goal,
            "minimum": m.minimum,
            "maximum": m.maximum,
            "met": name not in violations if m.bounded and name in metrics else None,
        }
        for name, m in problem.metrics.items()
    ]


def metric_table(problem: Problem, metrics: Mapping[str, float]) -> Table:
    """Return one evaluation's metrics as a table for people."""
    table = plain_table("metric", "value", "wanted", "")
    violations = problem.violations(dict(metrics))
    for name, metric in problem.metrics.items():
        wanted = ", ".join(filter(None, (bounds_text(metric), metric.goal)))
        judged = metric.bounded and name in metrics
        met = "[red]missed[/red]" if name in violations else "met" if judged else ""
        table.add_row(name, shown(metrics.get(name), metric.unit), wanted, met)
    return table


def comparison_table(problem: Problem, start: Trial | None, chosen: Trial) -> Table:
    """Return the chosen design's metrics against the start's as a table for people."""
    table = plain_table("metric", "start", "chosen", "change", "", "wanted")
    for name, metric in problem.metrics.items():
        before = start.metrics.get(name) if start else None
        after = chosen.metrics.get(name)
        changed = (
            change(metric, after, before)
            if before is not None and after is not None
            else Change("–")
        )
        missed, met = name in chosen.violations, metric.goal is None and bounds_text(metric)
        table.add_row(
            name,
            shown(before, metric.unit),
            shown(after, metric.unit),
            changed.text,
            "[red]missed[/red]" if missed else "met" if met else _verdict(changed.verdict),
            ", ".join(filter(None, (bounds_text(metric), metric.goal))),
        )
    return table


def design_table(problem: Problem, start: Trial | None, chosen: Trial) -> Table:
    """Return the chosen design's parameters, tied ones included, against the start's."""
    table = plain_table("parameter", "start", "chosen", "ratio")
    before = problem.with_tied(dict(start.design)) if start else {}
    for name, value in problem.with_tied(dict(chosen.design)).items():
        unit = problem.parameters[name].unit
        table.add_row(
            name,
            shown(before.get(name), unit),
            shown(value, unit),
            ratio_text(value, before.get(name)),
        )
    return table


def plain_table(*headers: str) -> Table:
    """Return a table without lines, columns of numbers ranged right."""
    from rich.table import Table

    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        if column.header in _NUMBERS:
            column.justify = "right"
    return table


def _verdict(verdict: Verdict) -> str:
    """Colour a word for whoever sees colours."""
    return {"better": "[green]better[/green]", "worse": "[yellow]worse[/yellow]"}.get(verdict, "")
