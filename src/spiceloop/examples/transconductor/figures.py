"""The report's own figures of the transconductor: Gm against Vtune and against Vid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spiceloop.measure import dc
from spiceloop.sim.waves import Plot, Waves
from spiceloop.spec.functions import load_function

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Design = Mapping[str, float]
Simulate = Callable[[str | Path, Design], Waves]

VTUNE = np.array([0.1, 0.2, 0.3, 0.4, 0.5])  # V, the outer sweep of tb_curves.spice
STYLES = ("--", "-", ":", "-.")


def gm_curves(simulate: Simulate, designs: Mapping[str, Design]) -> list[Figure]:
    """Draw Gm against Vtune and Gm against Vid for every design, one figure each."""
    return [_against_vtune(simulate, designs), _against_vid(simulate, designs)]


def family(plot: Plot) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (Vid in V, Gm in S) at each `VTUNE`, from the DC sweep of tb_curves.spice."""
    vid, current = np.real(plot.x), np.real(plot["v(iod)"])
    starts = [0, *(np.flatnonzero(np.diff(vid) < 0) + 1), vid.size]
    return [(vid[a:b], dc.slope(vid[a:b], current[a:b])) for a, b in pairwise(starts)]


def _against_vtune(simulate: Simulate, designs: Mapping[str, Design]) -> Figure:
    # The metrics' own functions, so that the band drawn is the range that was optimized.
    here = Path(__file__).parent
    tuning_curve, _ = load_function("metrics.py:tuning_curve", here)
    metrics, _ = load_function("metrics.py:figures", here)
    figure, ax = _axes("Vtune (V)")
    for (label, design), style in zip(designs.items(), STYLES, strict=False):
        waves = simulate("main", design)
        vtune, gm = tuning_curve(waves.plot("dc"))
        (line,) = ax.plot(vtune, 1e3 * gm, style, label=label)
        found = metrics(waves)
        low, high = found["range_low"], found["range_high"]
        inside = (vtune >= low) & (vtune <= high)
        if np.count_nonzero(inside) > 1:
            fit = np.polyfit(vtune[inside], 1e3 * gm[inside], 1)
            ax.plot(
                [low, high],
                np.polyval(fit, [low, high]),
                color=line.get_color(),
                linewidth=6,
                alpha=0.25,
                solid_capstyle="butt",
                label=f"{label}: tunable over {high - low:.3f} V",
            )
    ax.legend()
    figure.set_label("Gm against Vtune at Vid = 0; the wide bands are the tunable ranges")
    return figure


def _against_vid(simulate: Simulate, designs: Mapping[str, Design]) -> Figure:
    figure, ax = _axes("Vid (V)")
    colors: list[Any] = []
    for (label, design), style in zip(designs.items(), STYLES, strict=False):
        for k, (vid, gm) in enumerate(family(simulate("tb_curves.spice", design).plot("dc"))):
            color = colors[k] if k < len(colors) else None
            name = f"{label}, Vtune {VTUNE[0]:g} to {VTUNE[-1]:g} V" if k == 0 else None
            (line,) = ax.plot(vid, 1e3 * gm, style, color=color, label=name)
            if color is None:
                colors.append(line.get_color())
    ax.legend()
    figure.set_label(f"Gm against Vid at Vtune = {', '.join(f'{v:g}' for v in VTUNE)} V")
    return figure


def _axes(xlabel: str) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    ax = figure.subplots()
    ax.set_xlabel(xlabel)
    ax.set_ylabel("Gm (mS)")
    ax.grid(alpha=0.3)
    return figure, ax
