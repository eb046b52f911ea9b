"""The report's figures in matplotlib, also for use on their own: each takes ``ax``.

A problem may bring figures of its own circuit: its file's ``figures`` names functions ::

    def gm_curves(simulate, designs):
        waves = {label: simulate("tb_gm", design) for label, design in designs.items()}
        ...
        return [figure]

``simulate(testbench, design)`` takes a testbench's name, or a deck's path relative to the problem
file, and returns `spiceloop.Waves`; ``designs`` maps the labels "start" and "chosen" to designs
of the free parameters (one of them where the study has no other). The function returns a list of
matplotlib figures; a figure's ``set_label`` is its caption and names its PNG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spiceloop.report.axes import MetricAxis, metric_axes
from spiceloop.report.palette import BLUE, GREEN, GREY, GROUPS, ORANGE, VERMILION
from spiceloop.report.static import new_figure
from spiceloop.report.traces import best_so_far_values, positions, span
from spiceloop.report.view import StudyView
from spiceloop.study.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "best_so_far",
    "corner_margins",
    "hypervolume",
    "parallel_coordinates",
    "pareto_matrix",
    "pareto_pair",
    "progress",
]

# Ratio of largest to smallest value above which a logarithmic axis is marked at decades only:
# steps of 1, 2, 5 would touch.
_WIDE = 30.0


def pareto_pair(view: StudyView, x: str, y: str, ax: Axes | None = None) -> Axes:
    """Draw two objectives of all done trials against each other.

    Raises KeyError for a metric that is no objective.
    """
    axes = {a.name: a for a in metric_axes(view)}
    for name in (x, y):
        if name not in axes:
            raise KeyError(f"{name!r} is no objective; there are {', '.join(axes)}")
    ax = ax or _axes(4.5, 3.6)
    for name, trials in view.front.groups.items():
        group = GROUPS[name]
        ax.scatter(
            [t.metrics[x] for t in trials],
            [t.metrics[y] for t in trials],
            s=group.points**2,
            marker=group.marker,
            color=group.color,
            alpha=group.opacity,
            linewidths=1.0 if group.marker == "x" else 0.6,
            edgecolors=None if group.marker == "x" else "white",
            label=group.label,
        )
    _scale(ax, view, "x", axes[x])
    _scale(ax, view, "y", axes[y])
    return ax


def pareto_matrix(view: StudyView) -> Figure:
    """Draw every pair of objectives, one legend."""
    names = [a.name for a in metric_axes(view)]
    side = len(names) - 1
    inches = 4.5 if side == 1 else min(9.5, 2.3 * side)
    figure = new_figure(inches, 0.85 * inches)
    grid = figure.add_gridspec(side, side)
    below: dict[int, Axes] = {}
    for row in reversed(range(side)):
        left: Axes | None = None
        for col in range(row + 1):
            ax = figure.add_subplot(grid[row, col], sharex=below.get(col), sharey=left)
            pareto_pair(view, names[col], names[row + 1], ax)
            ax.label_outer()
            below.setdefault(col, ax)
            left = left or ax
            if side > 3:
                ax.minorticks_off()
                ax.tick_params(labelsize=6.5)
                ax.xaxis.label.set_fontsize(7)
                ax.yaxis.label.set_fontsize(7)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if side == 1:
        figure.axes[0].legend(handles, labels)
    else:
        figure.legend(handles, labels, loc="upper right")
    return figure


def hypervolume(view: StudyView, ax: Axes | None = None) -> Axes:
    """Draw the hypervolume against trials; the model-guided phase is shaded."""
    ax = ax or _axes(6.0, 3.2)
    numbers = [t.number for t in view.front.trials]
    ax.step(numbers, view.front.volume.values, where="post", color=BLUE, label="hypervolume")
    failed = [t.number for t in view.failed]
    if failed:
        ax.plot(failed, [0.0] * len(failed), "x", color=GREY, ms=5, label="failed trial")
    _phase(ax, view)
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    ax.set_ylabel("hypervolume")
    return ax


def best_so_far(view: StudyView, objective: str, ax: Axes | None = None) -> Axes:
    """Draw an objective of every done trial, and the best feasible one so far."""
    axis = {a.name: a for a in metric_axes(view)}[objective]
    ax = ax or _axes(4.5, 2.8)
    for feasible, marker, alpha in ((False, "x", 0.6), (True, "o", 0.7)):
        trials = [t for t in view.done if t.feasible is feasible]
        if not trials:
            continue
        ax.plot(
            [t.number for t in trials],
            [t.metrics[objective] for t in trials],
            marker,
            ms=3.5,
            color=GREY,
            alpha=alpha,
            label="feasible" if feasible else "constraint violated",
        )
    numbers, best = best_so_far_values(view, axis)
    ax.step(numbers, best, where="post", color=BLUE, label="best so far")
    if view.start is not None and objective in view.start.metrics:
        ax.axhline(view.start.metrics[objective], color=ORANGE, ls="--", lw=1.2, label="start")
    _scale(ax, view, "y", axis)
    _phase(ax, view)
    return ax


def progress(view: StudyView) -> Figure:
    """Draw `best_so_far` for every objective."""
    names = [a.name for a in metric_axes(view)]
    cols = min(3, len(names))
    rows = -(-len(names) // cols)
    figure = new_figure(3.2 * cols + 0.3, 2.3 * rows + 0.2)
    grid = figure.subplots(rows, cols, squeeze=False)
    for ax in grid.flat[len(names) :]:
        ax.set_visible(False)
    for name, ax in zip(names, grid.flat, strict=False):
        best_so_far(view, name, ax)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure


def parallel_coordinates(view: StudyView, ax: Axes | None = None) -> Axes:
    """Draw each done trial as a line over the objectives; better is up on every axis."""
    axes = metric_axes(view)
    ax = ax or _axes(max(5.0, 1.7 * len(axes)), 3.6)
    at = range(len(axes))
    for name, trials in view.front.groups.items():
        group = GROUPS[name]
        strong = name in {"start", "chosen"}
        for i, trial in enumerate(trials):
            ax.plot(
                at,
                positions(view, axes, trial),
                "--" if name == "start" else ":" if name == "infeasible" else "-",
                color=group.color,
                marker=group.marker if strong else "",
                ms=group.points,
                lw=2.2 if strong else 0.9,
                alpha=1.0 if strong else 0.55 * group.opacity,
                label=group.label if i == 0 else None,
            )
    _ends(ax, view, axes)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=5)
    return ax


def corner_margins_height(view: StudyView) -> float:
    """Return how high `corner_margins` should be, in inches."""
    return 1.2 + 0.3 * sum(m.bounded for m in view.problem.metrics.values())


def corner_margins(view: StudyView, trial: Trial, ax: Axes | None = None) -> Axes:
    """Draw what a design has left to each bound at every corner, in % of the bound.

    Margins beyond ±100 % are drawn at the edge.
    """
    bounded = {n: m for n, m in view.problem.metrics.items() if m.bounded}
    typical = view.problem.corners[0].name
    ax = ax or _axes(6.5, corner_margins_height(view))
    labels: set[str] = set()
    for y, (name, metric) in enumerate(bounded.items()):
        margins = {
            corner: -100 * excess
            for corner, values in trial.corners.items()
            if name in values and (excess := metric.excess(values[name])) is not None
        }
        if not margins:
            continue
        least = min(margins, key=lambda c: margins[c])
        for corner, margin in sorted(margins.items(), key=lambda item: item[0] == least):
            label, color, marker = (
                ("least margin", VERMILION, "D")
                if corner == least
                else ("typical corner", BLUE, "o")
                if corner == typical
                else ("other corners", GREY, "|")
            )
            x = min(max(margin, -100.0), 100.0)
            text = label if label not in labels else None
            labels.add(label)
            ax.plot(x, y, marker, color=color, ms=6, label=text, clip_on=False, zorder=3)
        at = min(max(margins[least], -100.0), 100.0)
        right = at < 60
        ax.annotate(
            f" {least} " if right else f" {least}  ",
            (at, y),
            (4 if right else -4, 6),
            textcoords="offset points",
            ha="left" if right else "right",
            fontsize=6.5,
            color=VERMILION,
            parse_math=False,
        )
    ax.axvline(0, color="#1c2128", lw=1)
    ax.set_yticks(range(len(bounded)))
    ax.set_yticklabels(bounded, parse_math=False)
    ax.set_ylim(len(bounded) - 0.4, -0.8)
    ax.set_xlim(-100 if ax.dataLim.x0 < 0 else -5, 103)
    ax.set_xlabel("margin (% of the bound)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax


def _ends(ax: Axes, view: StudyView, axes: Sequence[MetricAxis]) -> None:
    """Axis lines with the worst value below and the best above."""
    ax.set_xlim(-0.35, len(axes) - 0.65)
    ax.set_ylim(-0.14, 1.14)
    ax.set_xticks(range(len(axes)))
    ax.set_xticklabels([a.label for a in axes], parse_math=False)
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="x", length=0, pad=6)
    for i, axis in enumerate(axes):
        ax.axvline(i, 0.14 / 1.28, 1.14 / 1.28, color="#9aa1ab", lw=0.8, zorder=0)
        worst, best = span(view, axis)
        ax.text(i, 1.04, axis.show(best), ha="center", va="bottom", fontsize=7.5, parse_math=False)
        ax.text(i, -0.04, axis.show(worst), ha="center", va="top", fontsize=7.5, parse_math=False)


def _axes(width: float, height: float) -> Axes:
    return new_figure(width, height).subplots()


def _scale(ax: Axes, view: StudyView, which: str, axis: MetricAxis) -> None:
    """Label, logarithm and engineering ticks of one axis."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    if axis.log:
        ax.set(**{f"{which}scale": "log"})
    side = ax.xaxis if which == "x" else ax.yaxis
    side.set_label_text(axis.label, parse_math=False)
    if not axis.prefixed and not axis.log:
        return
    if axis.log:
        low, high = sorted(span(view, axis))
        subs = (1.0,) if high / low > _WIDE else (1.0, 2.0, 5.0)
        side.set_major_locator(LogLocator(base=10, subs=subs, numticks=5))
        side.set_minor_formatter(NullFormatter())
    if axis.prefixed:
        side.set_major_formatter(EngFormatter(sep=""))
    else:
        side.set_major_formatter(lambda value, _: f"{value:g}")


def _phase(ax: Axes, view: StudyView) -> None:
    """Shade the model-guided phase, label the trial axis."""
    from matplotlib.ticker import MaxNLocator

    first = view.first_model_trial
    if first is not None and view.ended:
        last = max(first, view.ended[-1].number) + 0.5
        ax.axvspan(first - 0.5, last, color=GREEN, alpha=0.1, label="model-guided")
        ax.axvline(first - 0.5, color=GREEN, lw=1, ls=":")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("trial")
