"""The report of a yield: what passes, how every metric is spread, what failed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spiceloop.montecarlo.interval import CONFIDENCE
from spiceloop.montecarlo.summary import Statistics, Yield
from spiceloop.report.axes import shown
from spiceloop.report.cards.base import CannotDrawError, Card, Plot, draw
from spiceloop.report.chart import Axis, Chart, Line, Panel, draw_chart, plotly_chart
from spiceloop.report.compare import bounds_text
from spiceloop.report.html import Page, write_page
from spiceloop.report.palette import SERIES
from spiceloop.report.static import picture, style
from spiceloop.units import PLAIN_UNITS

__all__ = [
    "histograms",
    "interval_text",
    "margin_text",
    "no_yield_text",
    "not_judged_text",
    "write_yield_report",
    "yield_text",
]

Made = tuple[Mapping[str, Any], tuple[Plot, ...]]

_BINS = 40  # at most, in a histogram
_LISTED = 50  # failures named


def write_yield_report(result: Yield, out: Path, facts: Mapping[str, str]) -> Path:
    """Write ``report.html`` and the figures' PNGs into ``out``; return the HTML file.

    ``facts`` are further lines of how it was made. Raises `StorageError`.
    """
    makers: tuple[tuple[str, str, Callable[[Yield], Made]], ...] = (
        ("verdict", "Yield", _verdict),
        ("spread", "How the metrics are spread", _spread),
        ("failures", "What failed", _failures),
        ("made", "How this was made", lambda found: _made(found, facts)),
    )
    cards: tuple[Card, ...] = tuple(draw(key, title, make, result) for key, title, make in makers)
    name = f"{result.problem.name}, {result.plan.label}" if result.plan.label else ""
    return write_page(Page(name or result.problem.name, "Yield report", cards, "yields"), out, out)


def yield_text(result: Yield) -> str:
    """The yield and its interval in words."""
    return (
        f"{100 * result.fraction:.1f} % ({result.passed} of {result.total} dies; "
        f"{100 * CONFIDENCE:.0f} % interval {interval_text(result)})"
    )


def no_yield_text(result: Yield) -> str:
    """Why there is no yield."""
    if result.not_judged:
        return "no bound is measured at the corners given"
    return "the problem gives no bounds (minimum, maximum)"


def interval_text(found: Yield | Statistics) -> str:
    """The interval of a yield, ``91.2 … 97.8 %``."""
    return f"{100 * found.interval.low:.1f} … {100 * found.interval.high:.1f} %"


def not_judged_text(found: Yield) -> str:
    """Which bounds the yield leaves out, and how to have them in; empty for none."""
    if not found.not_judged:
        return ""
    return (
        f"{', '.join(found.not_judged)}, measured at the typical corner only "
        f"(corners: typical); add --corner {found.problem.corners[0].name} to judge them"
    )


def margin_text(found: Statistics) -> str:
    """The distance from mean to nearest bound, ``2.4 σ``."""
    if not found.bounded or math.isnan(found.margin):
        return ""
    if math.isinf(found.margin):
        return "no spread"
    return f"{found.margin:.1f} σ".replace("-", "−")


def histograms(result: Yield) -> Chart:
    """One panel a metric that varies, one outline a corner; bounds as vertical lines."""
    panels = []
    for name in dict.fromkeys(s.metric for s in result.statistics):
        found = [s for s in result.statistics if s.metric == name and s.sigma > 0]
        if found:
            panels.append(_histogram(result, found))
    if not panels:
        raise CannotDrawError("No metric varies.")
    return Chart(tuple(panels), columns=min(2, len(panels)), row_height=210)


def _histogram(result: Yield, found: list[Statistics]) -> Panel:
    each = {s.corner: list(result.values(s.metric, s.corner).values()) for s in found}
    every = np.concatenate([np.array(values) for values in each.values()])
    edges = np.histogram_bin_edges(every, bins="fd")
    if len(edges) - 1 > _BINS or len(edges) < 4:
        edges = np.linspace(every.min(), every.max(), min(_BINS, max(8, len(every) // 8)) + 1)
    lines = []
    for k, corner in enumerate(c.name for c in result.plan.corners if c.name in each):
        counts, _ = np.histogram(each[corner], edges)
        lines.append(
            Line(
                np.repeat(edges, 2),
                np.concatenate([[0], np.repeat(counts, 2), [0]]),
                corner if len(result.plan.corners) > 1 else "",
                SERIES[k % len(SERIES)],
                hover=corner,
            )
        )
    first = found[0]
    low, high = first.minimum, first.maximum
    span = every.max() - every.min()
    marks = [
        (bound, word)
        for bound, word in ((low, "minimum"), (high, "maximum"))
        # A bound far off would squeeze the histogram into a line.
        if bound is not None and every.min() - 3 * span <= bound <= every.max() + 3 * span
    ]
    prefixed = bool(first.unit) and first.unit not in PLAIN_UNITS
    x = Axis(first.metric, first.unit, prefixed=prefixed)
    return Panel(tuple(lines), x, Axis("dies"), marks=tuple(marks))


def _verdict(result: Yield) -> Made:
    several = len(result.plan.corners) > 1
    rows = [
        {
            "metric": s.metric,
            "corner": s.corner,
            "wanted": bounds_text(result.problem.metrics[s.metric]),
            "nominal": shown(s.nominal, s.unit),
            "mean": shown(s.mean, s.unit),
            "sigma": shown(s.sigma, s.unit, 3),
            "worst": shown(s.worst, s.unit),
            "sample": s.worst_sample,
            "margin": margin_text(s),
            "part": f"{100 * s.met / s.total:.1f} %" if s.bounded else "",
            "interval": interval_text(s) if s.bounded else "",
            "missed": s.bounded and s.met < s.total,
        }
        for s in result.statistics
    ]
    return {
        "yield": yield_text(result) if result.bounded else "",
        "no_yield": no_yield_text(result),
        "not_judged": not_judged_text(result),
        "total": result.total,
        "wanted": result.wanted,
        "stopped": result.stopped,
        "varies": result.plan.varies,
        "corners": [c.name for c in result.plan.corners],
        "several": several,
        "failed": len({o.number for o in result.failures}),
        "rows": rows,
    }, ()


def _spread(result: Yield) -> Made:
    chart = histograms(result)
    with style():
        width = 4.5 * chart.columns
        image = picture(draw_chart(chart, width), "histograms", "histogram of every metric")
    away = [s.metric for s in result.statistics if s.bounded and s.sigma > 0 and abs(s.margin) > 20]
    return {"far": list(dict.fromkeys(away))}, (Plot("histograms", "", image, plotly_chart(chart)),)


def _failures(result: Yield) -> Made:
    kinds = Counter(o.kind for o in result.failures).most_common()
    lines = [
        {"sample": o.number, "corner": o.corner, "kind": o.kind, "message": o.failure}
        for o in result.failures[:_LISTED]
    ]
    left = len(result.failures) - len(lines)
    return {"kinds": kinds, "lines": lines, "left_out": left}, ()


def _made(result: Yield, facts: Mapping[str, str]) -> Made:
    plan, problem = result.plan, result.problem
    design = problem.with_tied(dict(plan.design))
    said = {
        "design": plan.label,
        **{f"design, {n}": shown(v, problem.parameters[n].unit) for n, v in design.items()},
        "pdk": f"{problem.pdk.name}, {problem.pdk.library}" if problem.pdk else "",
        "seed": str(plan.seed),
        "samples": f"0 to {result.total - 1}",
        "varied": plan.varies,
        "simulating": shown(sum(o.seconds for die in result.outcomes.values() for o in die), "s"),
        **facts,
    }
    return {"facts": [(name, value) for name, value in said.items() if value]}, ()
