"""A line chart described once and drawn twice: by plotly in the page, by matplotlib on paper."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spiceloop.report.palette import GREY
from spiceloop.report.static import new_figure
from spiceloop.units import PLAIN_UNITS, format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Axis",
    "Chart",
    "Dash",
    "Line",
    "Marker",
    "Panel",
    "draw_chart",
    "draw_panel",
    "plotly_chart",
    "value_axis",
]

Spec = dict[str, Any]
Values = Sequence[float] | NDArray[np.float64]
Dash = Literal["solid", "dash", "dot"]
Marker = Literal["", "circle", "square", "diamond", "triangle-up", "x"]

_DIGITS = 5  # significant digits of coordinates: far below a pixel, and small files
_ROW = 300  # pixels of a row of panels
_GAP = 0.09  # between panels, part of the width
_BETWEEN = 62  # pixels between rows: tick labels and the axis' name
_SPAN, _WIDE = 4.0, 30.0  # ratios from which an axis is logarithmic, and marked at decades only
_TICKS = 6  # decades that are marked at most
_DASHES = {"solid": "-", "dash": "--", "dot": ":"}
_SYMBOLS = {"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "x", "": ""}


@dataclass(frozen=True)
class Line:
    """One curve. ``low`` and ``high``, where given, are the ends of its error bars.

    Lines of one ``label`` share one entry of the legend; an empty one has none. ``hover`` names it
    where the legend does not.
    """

    x: Values
    y: Values
    label: str = ""
    color: str = GREY
    dash: Dash = "solid"
    marker: Marker = ""
    line: bool = True
    width: float = 1.8
    low: Values | None = None
    high: Values | None = None
    hover: str = ""


@dataclass(frozen=True)
class Axis:
    """``unit`` in the label; ``prefixed`` ticks carry SI prefixes; ``ticks`` are value and text."""

    name: str = ""
    unit: str = ""
    log: bool = False
    prefixed: bool = False
    range: tuple[float, float] | None = None
    ticks: tuple[tuple[float, str], ...] = ()

    @property
    def label(self) -> str:
        """Name and unit, ``power (W)``."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def value_axis(name: str, unit: str, values: Values, *, log: bool) -> Axis:
    """Return an axis for values of a metric; logarithmic only where they span enough for it.

    Its ticks are few: decades, or 1, 2, 5 of each.
    """
    low, high = float(np.min(values)), float(np.max(values))
    prefixed = bool(unit) and unit not in PLAIN_UNITS
    if not log or low <= 0 or high < _SPAN * low:
        return Axis(name, unit, prefixed=prefixed)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high < _WIDE * low else (1,)
    ticks = [float(f"{m}e{e}") for e in decades[:: -(-len(decades) // _TICKS)] for m in steps]
    return Axis(name, unit, log=True, ticks=tuple((t, format_si(t, digits=3)) for t in ticks))


@dataclass(frozen=True)
class Panel:
    """One pair of axes with its lines; ``marks`` are vertical lines with a word each."""

    lines: tuple[Line, ...]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Chart:
    """Panels side by side, ``columns`` in a row."""

    panels: tuple[Panel, ...]
    columns: int = 1
    row_height: int = _ROW

    @property
    def rows(self) -> int:
        """How many rows the panels take."""
        return -(-len(self.panels) // self.columns)


def draw_panel(ax: Axes, panel: Panel) -> Axes:
    """Draw a panel into matplotlib axes; the legend is left to the caller."""
    for line in panel.lines:
        ax.plot(
            line.x,
            line.y,
            _DASHES[line.dash] if line.line else "",
            marker=_SYMBOLS[line.marker],
            ms=4,
            color=line.color,
            lw=line.width * 0.8,
            label=line.label or None,
        )
        if line.low is not None and line.high is not None:
            for x, low, high in zip(line.x, line.low, line.high, strict=True):
                ax.plot([x, x], [low, high], color=line.color, lw=1.0)
    for axis, which in ((panel.x, "x"), (panel.y, "y")):
        _scale(ax, axis, which)
    if panel.title:
        ax.set_title(panel.title, parse_math=False)
    for at, word in panel.marks:
        ax.axvline(at, color=GREY, lw=1, ls=":")
        ax.text(
            at, 1.0, f" {word}", transform=ax.get_xaxis_transform(), fontsize=7, color="#5b6470",
            va="top", parse_math=False,
        )  # fmt: skip
    return ax


def draw_chart(chart: Chart, width: float = 8.0) -> Figure:
    """Draw all panels, inches, with one legend above them."""
    figure = new_figure(width, chart.rows * chart.row_height / 110 + 0.3)
    grid = figure.subplots(chart.rows, chart.columns, squeeze=False)
    for ax in grid.flat[len(chart.panels) :]:
        ax.set_visible(False)
    entries: dict[str, Any] = {}
    for panel, ax in zip(chart.panels, grid.flat, strict=False):
        draw_panel(ax, panel)
        handles, labels = ax.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            entries.setdefault(label, handle)
    if entries:
        figure.legend(
            entries.values(), entries.keys(), loc="outside upper center", ncols=min(6, len(entries))
        )
    return figure


def plotly_chart(chart: Chart) -> Spec:
    """Return the chart as a plotly specification of plain JSON values."""
    layout: Spec = {
        "height": 60 + chart.row_height * chart.rows,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "font": {"size": 12},
        "legend": {"orientation": "h", "y": 1.04, "yanchor": "bottom", "x": 0},
        "margin": {"l": 64, "r": 12, "t": 44, "b": 48},
        "annotations": [],
        "shapes": [],
    }
    data: list[Spec] = []
    seen: set[str] = set()
    gap = _GAP if chart.columns > 1 else 0.0
    width = (1 - gap * (chart.columns - 1)) / chart.columns
    space = _BETWEEN / (chart.row_height * chart.rows) if chart.rows > 1 else 0.0
    height = (1 - space * (chart.rows - 1)) / chart.rows
    for n, panel in enumerate(chart.panels, 1):
        row, column = divmod(n - 1, chart.columns)
        left, top = column * (width + gap), 1 - row * (height + space)
        x, y = _ref("x", n), _ref("y", n)
        data += [{**trace, "xaxis": x, "yaxis": y} for trace in _traces(panel, seen)]
        layout[_key("xaxis", n)] = {
            **_axis(panel.x), "domain": [left, min(1.0, left + width)], "anchor": y,
        }  # fmt: skip
        layout[_key("yaxis", n)] = {
            **_axis(panel.y), "domain": [max(0.0, top - height), top], "anchor": x,
        }  # fmt: skip
        layout["annotations"] += _texts(panel, x, y)
        layout["shapes"] += [
            {
                "type": "line", "xref": x, "yref": f"{y} domain", "x0": at, "x1": at, "y0": 0,
                "y1": 1, "layer": "below", "line": {"color": GREY, "width": 1, "dash": "dot"},
            }
            for at, _ in panel.marks
        ]  # fmt: skip
    return {"data": data, "layout": layout}


def _traces(panel: Panel, seen: set[str]) -> Iterator[Spec]:
    for line in panel.lines:
        name = html.escape(line.label or line.hover)
        first = bool(line.label) and line.label not in seen
        seen.add(line.label)
        mode = "+".join(filter(None, ("lines" * line.line, "markers" * bool(line.marker))))
        trace: Spec = {
            "type": "scatter",
            "mode": mode,
            "name": name,
            "showlegend": first,
            "x": _short(line.x),
            "y": _short(line.y),
            "line": {"color": line.color, "width": line.width, "dash": line.dash},
            "hovertemplate": f"{html.escape(line.hover or line.label)}<br>{_hover(panel.x, 'x')}"
            f"<br>{_hover(panel.y, 'y')}<extra></extra>",
        }
        if line.label:
            trace["legendgroup"] = name
        if line.marker:
            trace["marker"] = {"symbol": line.marker, "size": 7, "color": line.color}
        if line.low is not None and line.high is not None:
            trace["error_y"] = {
                "type": "data",
                "symmetric": False,
                "array": _short(h - v for h, v in zip(line.high, line.y, strict=True)),
                "arrayminus": _short(v - w for v, w in zip(line.y, line.low, strict=True)),
                "thickness": 1,
                "width": 0,
                "color": line.color,
            }
        yield trace


def _texts(panel: Panel, x: str, y: str) -> list[Spec]:
    texts = [
        {
            "xref": x, "yref": f"{y} domain", "x": at, "y": 1, "xanchor": "left", "yanchor": "top",
            "showarrow": False, "text": html.escape(word), "font": {"size": 10, "color": GREY},
        }
        for at, word in panel.marks
    ]  # fmt: skip
    if panel.title:
        texts.append(
            {
                "xref": f"{x} domain",
                "yref": f"{y} domain",
                "x": 0.0,
                "y": 1.0,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "text": f"<b>{html.escape(panel.title)}</b>",
                "font": {"size": 12},
            }
        )
    return texts


def _axis(axis: Axis) -> Spec:
    spec: Spec = {
        "type": "log" if axis.log else "linear",
        "title": {"text": html.escape(axis.label), "font": {"size": 12}, "standoff": 6},
        "tickfont": {"size": 10.5},
        "tickangle": 0,
        "zeroline": False,
        "showline": True,
        "linewidth": 1,
        "automargin": True,
        "nticks": 6,
        "tickformat": "~s" if axis.prefixed else "~g",
    }
    if axis.log and not axis.prefixed:
        spec["tickformat"] = ".1e"
    if axis.range is not None:
        spec["range"] = [math.log10(v) if axis.log else v for v in axis.range]
    if axis.ticks:
        spec |= {"tickvals": [v for v, _ in axis.ticks], "ticktext": [t for _, t in axis.ticks]}
    return spec


def _scale(ax: Axes, axis: Axis, which: str) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

    if axis.log:
        ax.set(**{f"{which}scale": "log"})
    side = ax.xaxis if which == "x" else ax.yaxis
    side.set_label_text(axis.label, parse_math=False)
    if axis.range is not None:
        ax.set(**{f"{which}lim": axis.range})
    if axis.ticks:
        side.set_ticks([v for v, _ in axis.ticks], labels=[t for _, t in axis.ticks])
    elif axis.prefixed:
        side.set_major_formatter(EngFormatter(sep=""))
        if axis.log:
            side.set_minor_formatter(NullFormatter())
    elif not axis.log:
        side.set_major_locator(MaxNLocator(6))


def _hover(axis: Axis, which: str) -> str:
    form = ".4s" if axis.prefixed else ".4g"
    return f"{html.escape(axis.name)} = %{{{which}:{form}}}{html.escape(axis.unit)}"


def _short(values: Any) -> list[float | None]:
    return [float(f"{v:.{_DIGITS}g}") if math.isfinite(v) else None for v in values]


def _ref(letter: str, n: int) -> str:
    return letter if n == 1 else f"{letter}{n}"


def _key(name: str, n: int) -> str:
    return name if n == 1 else f"{name}{n}"
