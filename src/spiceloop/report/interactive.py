"""The report's figures as plotly specifications: plain JSON values, checked by no import of plotly.

Only SVG traces are used (no ``scattergl``, ``splom`` or ``parcoords``), so the page draws without
WebGL and prints sharp. Points carry their trial's number as ``customdata``; the page's script uses
it to mark the same trials in all figures.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Any

from spiceloop.report.axes import MetricAxis, metric_axes
from spiceloop.report.palette import BLUE, GREEN, GREY, GROUPS, ORANGE
from spiceloop.report.traces import best_so_far_values, positions, span
from spiceloop.report.view import StudyView

__all__ = ["hypervolume", "parallel_coordinates", "pareto_matrix", "progress"]

Spec = dict[str, Any]

_DIGITS = 5  # significant digits of coordinates: far below a pixel, and small files


def pareto_matrix(view: StudyView) -> Spec:
    """Every pair of objectives: panel (row, col) shows objective row + 1 against objective col."""
    axes = metric_axes(view)
    side = len(axes) - 1
    data: list[Spec] = []
    layout = _layout(height=480 if side == 1 else min(1100, 160 + 190 * side))
    small = side > 3
    for row in range(side):
        for col in range(row + 1):
            n = row * side + col + 1
            x, y = axes[col], axes[row + 1]
            for name, trials in view.front.groups.items():
                group = GROUPS[name]
                data.append(
                    {
                        "type": "scatter",
                        "mode": "markers",
                        "name": group.label,
                        "legendgroup": name,
                        "showlegend": n == 1,
                        "x": _short(t.metrics[x.name] for t in trials),
                        "y": _short(t.metrics[y.name] for t in trials),
                        "customdata": [t.number for t in trials],
                        "xaxis": _ref("x", n),
                        "yaxis": _ref("y", n),
                        "marker": {
                            "symbol": group.symbol,
                            "color": group.color,
                            "size": group.size * (0.75 if side > 5 else 1),
                            "opacity": group.opacity,
                            "line": {"width": 1.2, "color": group.color}
                            if "thin" in group.symbol
                            else {"width": 0.6, "color": "white"},
                        },
                        "selected": {"marker": {"opacity": 1.0}},
                        "unselected": {"marker": {"opacity": 0.12}},
                        "hovertemplate": f"trial %{{customdata}} · {group.label}<br>"
                        f"{_hover(x, 'x')}<br>{_hover(y, 'y')}<extra></extra>",
                    }
                )
            gap = 0.02 if small else 0.035
            width = (1 - gap * (side - 1)) / side
            left, low = col * (width + gap), (side - 1 - row) * (width + gap)
            layout[_key("xaxis", n)] = _axis(view, x, row == side - 1, small) | {
                "domain": [left, left + width],
                "anchor": _ref("y", n),
                **({"matches": _ref("x", (side - 1) * side + col + 1)} if row < side - 1 else {}),
            }
            layout[_key("yaxis", n)] = _axis(view, y, col == 0, small) | {
                "domain": [low, low + width],
                "anchor": _ref("x", n),
                **({"matches": _ref("y", row * side + 1)} if col > 0 else {}),
            }
    layout["legend"] = (
        {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
        if side == 1
        else {"x": 1, "xanchor": "right", "y": 1, "yanchor": "top"}
    )
    layout["dragmode"] = "select"
    layout["margin"] = {"l": 68, "r": 12, "t": 28, "b": 56}
    return {"data": data, "layout": layout}


def parallel_coordinates(view: StudyView) -> Spec:
    """Each done trial as a line over the objectives; better is up on every axis."""
    axes = metric_axes(view)
    data: list[Spec] = []
    for name, trials in view.front.groups.items():
        group = GROUPS[name]
        strong = name in {"start", "chosen"}
        xs: list[float | None] = []
        ys: list[float | None] = []
        numbers: list[int | None] = []
        texts: list[str] = []
        for trial in trials:
            # One trace a group, trials parted by gaps: a thousand traces would take seconds.
            xs += [*range(len(axes)), None]
            ys += [*_short(positions(view, axes, trial)), None]
            numbers += [trial.number] * len(axes) + [None]
            texts += [html.escape(a.show(trial.metrics[a.name])) for a in axes] + [""]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": group.label,
                "legendgroup": name,
                "x": xs,
                "y": ys,
                "customdata": numbers,
                "text": texts,
                "connectgaps": False,
                "opacity": 1.0 if strong else 0.6 if name == "pareto" else 0.35,
                "line": {
                    "color": group.color,
                    "width": 3 if strong else 1.2,
                    "dash": {"start": "dash", "infeasible": "dot"}.get(name, "solid"),
                },
                "marker": {
                    "symbol": group.symbol,
                    "size": group.size * 0.8 if strong else 4,
                    "color": group.color,
                },
                "hovertemplate": f"trial %{{customdata}} · {group.label}<br>%{{text}}"
                "<extra></extra>",
            }
        )
    layout = _layout(height=430)
    layout["xaxis"] = {
        "tickvals": list(range(len(axes))),
        "ticktext": [_breakable(a) for a in axes],
        "range": [-0.3, len(axes) - 0.7],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    layout["yaxis"] = {"visible": False, "range": [-0.12, 1.12], "fixedrange": True}
    layout["shapes"] = [
        {"type": "line", "x0": i, "x1": i, "y0": 0, "y1": 1, "layer": "below",
         "line": {"color": "#9aa1ab", "width": 1}}
        for i in range(len(axes))
    ]  # fmt: skip
    layout["annotations"] = [
        {"x": i, "y": y, "yanchor": anchor, "showarrow": False,
         "text": html.escape(a.show(value)), "font": {"size": 11}}
        for i, a in enumerate(axes)
        for value, y, anchor in zip(span(view, a), (-0.02, 1.02), ("top", "bottom"), strict=True)
    ]  # fmt: skip
    layout["legend"] = {"orientation": "h", "y": 1.04, "yanchor": "bottom", "x": 0}
    layout["dragmode"] = "select"
    layout["margin"] = {"l": 20, "r": 20, "t": 36, "b": 64}
    return {"data": data, "layout": layout}


def hypervolume(view: StudyView) -> Spec:
    """The hypervolume against trials."""
    front = view.front
    data: list[Spec] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "hypervolume",
            "x": [t.number for t in front.trials],
            "y": _short(front.volume.values),
            "line": {"shape": "hv", "color": BLUE, "width": 2},
            "marker": {"size": 4},
            "hovertemplate": "after trial %{x}: %{y:.4g}<extra></extra>",
        }
    ]
    if view.failed:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "failed trial",
                "x": [t.number for t in view.failed],
                "y": [0.0] * len(view.failed),
                "text": [html.escape(t.failure.kind if t.failure else "") for t in view.failed],
                "marker": {"symbol": "x-thin-open", "size": 7, "color": GREY},
                "hovertemplate": "trial %{x}: %{text}<extra></extra>",
            }
        )
    layout = _layout(height=360)
    layout["xaxis"] = _trial_axis() | {"title": {"text": "trial", "standoff": 6}}
    layout["yaxis"] = {"title": {"text": "hypervolume"}, "rangemode": "tozero"}
    layout["shapes"] = _phase(view, "x", "y")
    layout["legend"] = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    layout["margin"] = {"l": 68, "r": 12, "t": 36, "b": 48}
    return {"data": data, "layout": layout}


def progress(view: StudyView) -> Spec:
    """Every objective against trials, with the best feasible value so far."""
    axes = metric_axes(view)
    cols = min(3, len(axes))
    rows = -(-len(axes) // cols)
    data: list[Spec] = []
    layout = _layout(height=90 + 210 * rows)
    shapes: list[Spec] = []
    for i, axis in enumerate(axes):
        n, row, col = i + 1, i // cols, i % cols
        numbers, best = best_so_far_values(view, axis)
        base = {"xaxis": _ref("x", n), "yaxis": _ref("y", n), "showlegend": i == 0}
        for feasible, label, symbol in (
            (False, "constraint violated", "x-thin-open"),
            (True, "feasible", "circle"),
        ):
            trials = [t for t in view.done if t.feasible is feasible]
            if trials:
                data.append(
                    base
                    | {
                        "type": "scatter",
                        "mode": "markers",
                        "name": label,
                        "legendgroup": label,
                        "x": [t.number for t in trials],
                        "y": _short(t.metrics[axis.name] for t in trials),
                        "marker": {"symbol": symbol, "size": 5, "color": GREY, "opacity": 0.7},
                        "hovertemplate": f"trial %{{x}}<br>{_hover(axis, 'y')}<extra></extra>",
                    }
                )
        data.append(
            base
            | {
                "type": "scatter",
                "mode": "lines",
                "name": "best so far",
                "legendgroup": "best",
                "x": numbers,
                "y": _short(best),
                "line": {"shape": "hv", "color": BLUE, "width": 2},
                "hovertemplate": f"best after trial %{{x}}<br>{_hover(axis, 'y')}<extra></extra>",
            }
        )
        if view.start is not None and axis.name in view.start.metrics:
            data.append(
                base
                | {
                    "type": "scatter",
                    "mode": "lines",
                    "name": "start",
                    "legendgroup": "start",
                    "x": [numbers[0], numbers[-1]],
                    "y": _short([view.start.metrics[axis.name]] * 2),
                    "line": {"color": ORANGE, "dash": "dash", "width": 1.5},
                    "hoverinfo": "skip",
                }
            )
        width, height = (1 - 0.1 * (cols - 1)) / cols, (1 - 0.12 * (rows - 1)) / rows
        left, top = col * (width + 0.1), 1 - row * (height + 0.12)
        bottom_row = i + cols >= len(axes)
        layout[_key("xaxis", n)] = _trial_axis() | {
            "domain": [left, left + width],
            "anchor": _ref("y", n),
            "title": {"text": "trial" if bottom_row else "", "font": {"size": 12}, "standoff": 6},
        }
        layout[_key("yaxis", n)] = _axis(view, axis, True, small=False) | {
            "domain": [max(0.0, top - height), top],
            "anchor": _ref("x", n),
        }
        shapes += _phase(view, _ref("x", n), _ref("y", n), "")
    layout["shapes"] = shapes
    layout["legend"] = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    layout["margin"] = {"l": 68, "r": 12, "t": 40, "b": 48}
    return {"data": data, "layout": layout}


def _layout(height: int) -> Spec:
    return {
        "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "font": {"size": 12},
    }


def _axis(view: StudyView, axis: MetricAxis, labelled: bool, small: bool) -> Spec:
    return {
        "type": "log" if axis.log else "linear",
        "title": {
            "text": html.escape(axis.label) if labelled else "",
            "font": {"size": 11 if small else 12},
            "standoff": 6,
        },
        "showticklabels": labelled,
        "tickformat": "~s" if axis.prefixed else "~g",
        "tickfont": {"size": 9 if small else 10.5},
        **_ticks(view, axis),
        "tickangle": 0,
        "zeroline": False,
        "showline": True,
        "linewidth": 1,
    }


def _ticks(view: StudyView, axis: MetricAxis) -> Spec:
    """Few enough ticks that they do not touch: decades, 1-2-5, or even steps, by the span."""
    low, high = sorted(span(view, axis))
    if not axis.log:
        return {"nticks": 5}
    decades = math.log10(high / low)
    if decades > 1.5:
        return {"dtick": math.ceil(decades / 4)}
    if decades > 0.5:
        return {"dtick": "D2"}
    return {"nticks": 4}


def _trial_axis() -> Spec:
    return {"zeroline": False, "showline": True, "linewidth": 1, "tickformat": "d", "nticks": 8}


def _phase(view: StudyView, x: str, y: str, text: str = "model-guided →") -> list[Spec]:
    first = view.first_model_trial
    if first is None:
        return []
    last = max(first, view.ended[-1].number) + 0.5
    common = {"xref": x, "yref": f"{y} domain", "layer": "below", "y0": 0, "y1": 1}
    return [
        common
        | {
            "type": "rect",
            "x0": first - 0.5,
            "x1": last,
            "fillcolor": GREEN,
            "opacity": 0.07,
            "line": {"width": 0},
        },
        common
        | {
            "type": "line",
            "x0": first - 0.5,
            "x1": first - 0.5,
            "line": {"color": GREEN, "width": 1, "dash": "dot"},
            "label": {
                "text": text,
                "textposition": "end",
                "xanchor": "left",
                "yanchor": "top",
                "textangle": 0,
                "font": {"size": 10, "color": GREEN},
            },
        },
    ]


def _hover(axis: MetricAxis, which: str) -> str:
    form = ".4s" if axis.prefixed else ".4g"
    return f"{html.escape(axis.name)} = %{{{which}:{form}}}{html.escape(axis.unit)}"


def _breakable(axis: MetricAxis) -> str:
    return f"{html.escape(axis.label)}<br><i>{axis.wanted}</i>"


def _short(values: Iterable[float]) -> list[float | None]:
    """Round to few digits; what is not finite becomes null, which JSON has and plotly skips."""
    return [float(f"{v:.{_DIGITS}g}") if math.isfinite(v) else None for v in values]


def _ref(letter: str, n: int) -> str:
    return letter if n == 1 else f"{letter}{n}"


def _key(name: str, n: int) -> str:
    return name if n == 1 else f"{name}{n}"
