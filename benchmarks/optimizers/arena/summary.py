"""All runs there are, and their figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arena import measures, problems
from arena.competitors import COMPETITORS
from arena.problems import ArenaProblem
from arena.record import Record, run_file
from spiceloop.opt.base import Floats

__all__ = ["OURS", "Run", "Runs", "collect", "draw"]

OURS = ("ehvi", "auto", "population", "screened")


@dataclass(frozen=True)
class Run:
    """A record with its hypervolume after each evaluation."""

    record: Record
    trace: Floats
    feasible: np.ndarray


Runs = dict[tuple[str, str, bool], list[Run]]  # by problem, competitor, timed


def collect(results: Path) -> Runs:
    """Read every run below a folder."""
    found: Runs = {}
    for name in problems.names():
        problem = ArenaProblem.load(name)
        for competitor in COMPETITORS:
            for timed in (False, True):
                pattern = run_file(results, name, competitor, timed, 0).name
                files = (results / name).glob(pattern.replace("-0.", "-[0-9]*."))
                for file in sorted(files):
                    record = Record.read(file, problem)
                    ok = problem.feasible(record.rows)
                    trace = measures.hypervolume_trace(problem.losses(record.rows), ok)
                    found.setdefault((name, competitor, timed), []).append(Run(record, trace, ok))
    return found


def draw(runs: Runs, file: Path) -> None:
    """Hypervolume against simulations, and against seconds: median and quartiles over the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(key[0] for key in runs))
    figure, axes = plt.subplots(
        2, len(names), figsize=(3.6 * len(names), 6.4), squeeze=False, layout="constrained"
    )
    several = [*plt.get_cmap("tab10").colors, "black", *plt.get_cmap("Set2").colors]
    colours = dict(zip(COMPETITORS, several, strict=False))
    for (name, competitor, timed), found in runs.items():
        top, bottom = axes[:, names.index(name)]
        if not timed:
            # As far as most seeds go: some were stopped, or run for a smaller budget.
            n = sorted(len(r.trace) for r in found)[len(found) // 2]
            long = [r.trace[:n] for r in found if len(r.trace) >= n]
            _band(top, np.arange(1, n + 1), long, competitor, colours)
        last = max(r.record.ended[-1] for r in found)
        seconds = np.geomspace(min(1.0, last / 100.0), last, 100)
        if timed or (name, competitor, True) not in runs:
            curves = [
                np.array([measures.value_at(r.trace, r.record.ended, s) for s in seconds])
                for r in found
            ]
            _band(bottom, seconds, curves, competitor, colours)
    for j, name in enumerate(names):
        axes[0, j].set(title=name, xlabel="simulations")
        axes[1, j].set(xlabel="seconds", xscale="log")
    for row in axes:
        row[0].set_ylabel("feasible hypervolume")
    shown = [ax for ax in axes.flat if ax.has_data()]
    handles = {
        label: h for ax in shown for h, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), fontsize="small", loc="outside lower center", ncols=11
    )
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _band(ax, x, curves, competitor, colours):  # type: ignore[no-untyped-def]
    low, middle, high = np.quantile(np.array(curves), [0.25, 0.5, 0.75], axis=0)
    width = 2.2 if competitor in OURS[:2] else 1.2
    ax.plot(x, middle, color=colours[competitor], label=competitor, lw=width)
    ax.fill_between(x, low, high, color=colours[competitor], alpha=0.12, lw=0)
