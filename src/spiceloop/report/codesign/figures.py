"""The figures of a co-design report, also for use on their own: each ``plot_…`` takes ``ax``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spiceloop.kws.train import EpochRecord
from spiceloop.report.chart import Axis, Chart, Dash, Line, Marker, Panel, draw_panel
from spiceloop.report.codesign.view import ArmView, BankFigures, RunView, noise_of, snr_of
from spiceloop.report.palette import GREY, ORANGE, SERIES
from spiceloop.report.static import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "accuracy_chart",
    "channels_chart",
    "costs_chart",
    "gm_chart",
    "plot_accuracy",
    "plot_confusion",
    "plot_responses",
    "responses_chart",
    "spice_chart",
    "training_chart",
]

_Value = Callable[[EpochRecord], float | None]

_MARKERS: tuple[Marker, ...] = ("circle", "square", "diamond", "triangle-up", "x")
_POINTS = 160  # of a response
_FLOOR = -40.0  # dB, the lower end of the responses' axis
_CLEAN_GAP = 5.0  # dB on the axis between the highest SNR and clean
# From low to high channels, ever lighter, so that the colour-blind tell them apart; after viridis,
# whose darkest would vanish on a dark page.
_CHANNELS = ("#8153a5", "#5c5fb0", "#3f74b5", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#d8c219")


# --- frequency responses ------------------------------------------------------------------------


def plot_responses(
    ax: Axes | None = None, *, bank: BankFigures, start: BankFigures | None = None, title: str = ""
) -> Axes:
    """Draw all channels' magnitudes in dB against frequency; ``start`` dashed behind them."""
    return draw_panel(_axes(ax, 5.0, 3.2), _responses(bank, start, title))


def responses_chart(view: RunView) -> Chart:
    """The bank at its start, then each learned arm's with the start behind it."""
    panels = [_responses(view.start, None, "start")]
    panels += [
        _responses(arm.now, view.start, f"{arm.name}, after {arm.records[-1].epoch} epochs")
        for arm in view.arms
        if arm.learned and arm.now is not None and arm.records
    ]
    return Chart(tuple(panels), columns=min(2, len(panels)), row_height=320)


def _responses(bank: BankFigures, start: BankFigures | None, title: str) -> Panel:
    every = [*bank.f0, *(start.f0 if start else ())]
    frequency = np.geomspace(min(every) / 4, max(every) * 4, _POINTS)
    lines = []
    if start is not None:
        lines += [
            Line(frequency, h, "start" if k == 0 else "", GREY, "dash", width=1.0, hover="start")
            for k, h in enumerate(_decibels(start, frequency))
        ]
    count = len(bank.f0)
    for k, h in enumerate(_decibels(bank, frequency)):
        color = _CHANNELS[round(k * (len(_CHANNELS) - 1) / max(count - 1, 1))]
        said = (
            f"channel {k + 1}: f0 {bank.f0[k]:.4g} Hz, Q {bank.q[k]:.3g}, gain {bank.gain[k]:.3g}"
        )
        lines.append(Line(frequency, h, color=color, width=1.6, hover=said))
    top = 20 * math.log10(max((*bank.gain, *(start.gain if start else ()), 1e-3)))
    return Panel(
        tuple(lines),
        Axis("frequency", "Hz", log=True, prefixed=True),
        Axis("magnitude", "dB", range=(_FLOOR, max(5.0, top + 3))),
        title,
    )


def _decibels(bank: BankFigures, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Magnitude of gain·(s·w0/Q)/(s² + s·w0/Q + w0²), (channels, frequencies)."""
    f0, q, gain = (np.array(v)[:, None] for v in (bank.f0, bank.q, bank.gain))
    detuning = q * (frequency / f0 - f0 / frequency)
    found: NDArray[np.float64] = 20 * np.log10(gain / np.sqrt(1 + detuning**2))
    return found


# --- accuracy -----------------------------------------------------------------------------------


def plot_accuracy(
    ax: Axes | None = None,
    *,
    curves: Mapping[str, Mapping[str, float]],
    spread: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    noise: str = "known",
    title: str = "",
) -> Axes:
    """Draw accuracy against SNR, one curve a name.

    ``curves``: name → condition (``clean``, ``known 5``) → accuracy, a part; ``spread``: the ends
    of error bars in the same order; ``noise``: "known" or "unseen".
    """
    ax = draw_panel(_axes(ax, 4.5, 3.2), _accuracy(curves, spread or {}, noise, title))
    ax.legend()
    return ax


def accuracy_chart(view: RunView) -> Chart:
    """Known noise, and unseen noise beside it where there is any."""
    curves = {arm.name: arm.accuracy for arm in view.arms if arm.accuracy}
    kinds = [k for k in ("known", "unseen") if any(noise_of(c) == k for c in view.conditions)]
    panels = [_accuracy(curves, {}, kind, f"{kind} noise") for kind in kinds or ["known"]]
    values = [100 * v for p in curves.values() for c, v in p.items() if ":" not in c]
    low, high = min(values), max(values)
    margin = max(1.0, 0.08 * (high - low))
    axis = Axis("accuracy", "%", range=(low - margin, min(100.5, high + margin)))
    panels = [Panel(p.lines, p.x, axis, p.title) for p in panels]
    return Chart(tuple(panels), columns=len(panels), row_height=340)


def _accuracy(
    curves: Mapping[str, Mapping[str, float]],
    spread: Mapping[str, Mapping[str, tuple[float, float]]],
    noise: str,
    title: str,
) -> Panel:
    wanted = [c for c in next(iter(curves.values())) if noise_of(c) in (noise, "clean")]
    wanted.sort(key=snr_of)
    known = [snr_of(c) for c in wanted if c != "clean"]
    clean_at = (max(known) if known else 0.0) + _CLEAN_GAP
    at = {c: snr_of(c) if c != "clean" else clean_at for c in wanted}
    lines = []
    for k, (name, curve) in enumerate(curves.items()):
        there = [c for c in wanted if c in curve]
        ends = [spread.get(name, {}).get(c) for c in there]
        bars = [e for e in ends if e is not None]
        full = bars and len(bars) == len(there)
        lines.append(
            Line(
                [at[c] for c in there],
                [100 * curve[c] for c in there],
                name,
                _color(k),
                marker=_marker(k),
                low=[100 * e[0] for e in bars] if full else None,
                high=[100 * e[1] for e in bars] if full else None,
            )
        )
    ticks = tuple((at[c], "clean" if c == "clean" else f"{snr_of(c):g}") for c in wanted)
    return Panel(tuple(lines), Axis("SNR", "dB", ticks=ticks), Axis("accuracy", "%"), title)


# --- channels, costs ----------------------------------------------------------------------------


def channels_chart(view: RunView) -> Chart:
    """f0, Q and gain of every channel at the start and after training."""
    axes = (
        ("f0", Axis("f0", "Hz", log=True, prefixed=True)),
        ("q", Axis("Q")),
        ("gain", Axis("peak gain")),
    )
    panels = []
    for figure, axis in axes:
        lines = [_by_channel("start", getattr(view.start, figure), ORANGE, "dash", "x")]
        lines += [
            _by_channel(
                arm.name, getattr(arm.now, figure), _arm_color(view, arm), "solid", "circle"
            )
            for arm in view.arms
            if arm.learned and arm.now is not None
        ]
        panels.append(Panel(tuple(lines), _channel_axis(view), axis))
    return Chart(tuple(panels), columns=3, row_height=280)


def costs_chart(view: RunView) -> Chart:
    """Power and capacitor area of every channel at the start and in every trained arm."""
    panels = []
    for figure, axis in (
        ("power", Axis("power", "W", log=True, prefixed=True)),
        ("area", Axis("capacitor area", "µm²")),
    ):
        scale = 1e12 if figure == "area" else 1.0
        lines = [_by_channel("start", getattr(view.start, figure), ORANGE, "dash", "x", scale)]
        lines += [
            _by_channel(
                arm.name, getattr(arm.bank, figure), _arm_color(view, arm), "solid", "circle", scale
            )
            for arm in view.arms
            if arm.bank is not None
        ]
        panels.append(Panel(tuple(lines), _channel_axis(view), axis))
    return Chart(tuple(panels), columns=2, row_height=300)


def _by_channel(
    label: str, values: Sequence[float], color: str, dash: Dash, marker: Marker, scale: float = 1.0
) -> Line:
    numbers = list(range(1, len(values) + 1))
    return Line(numbers, [v * scale for v in values], label, color, dash, marker, width=1.4)


def _channel_axis(view: RunView) -> Axis:
    return Axis("channel", range=(0.5, len(view.start.f0) + 0.5))


# --- training, SPICE ----------------------------------------------------------------------------


def training_chart(view: RunView) -> Chart:
    """Loss, cross-entropy, validation accuracy, power and area of every epoch."""
    quantities: tuple[tuple[Axis, _Value], ...] = (
        (Axis("loss"), lambda r: r.loss),
        (Axis("cross-entropy"), lambda r: r.cross_entropy),
        (Axis("validation accuracy", "%"), lambda r: 100 * r.validation),
        (Axis("power", "% of start"), lambda r: 100 * r.power / view.start_power),
        (Axis("area", "% of start"), lambda r: 100 * r.area / view.start_area),
        (Axis("noise, rms of channels", "µV"), lambda r: 1e6 * _rms_noise(r)),
    )
    panels = [
        Panel(_by_epoch(view, value), Axis("epoch"), axis, marks=_phases(view))
        for axis, value in quantities
    ]
    return Chart(tuple(panels), columns=3, row_height=250)


def _rms_noise(record: EpochRecord) -> float:
    return math.sqrt(sum(v * v for v in record.noise) / len(record.noise))


def _by_epoch(view: RunView, value: _Value) -> tuple[Line, ...]:
    """One line an arm, from the end of the common phase on; epochs without a value left out."""
    common = _points(view.common, value)
    lines = [("classifier alone", GREY, common)]
    lines += [
        (arm.name, _arm_color(view, arm), [*common[-1:], *points])
        for arm in view.arms
        if (points := _points(arm.records, value))
    ]
    return tuple(
        Line([x for x, _ in points], [y for _, y in points], name, color, marker=_dots(points))
        for name, color, points in lines
        if points
    )


def _points(records: Sequence[EpochRecord], value: _Value) -> list[tuple[int, float]]:
    return [(r.epoch, y) for r in records if (y := value(r)) is not None]


def _dots(points: Sequence[object]) -> Marker:
    """Mark the points of a line that is too short to be seen."""
    return "circle" if len(points) < 3 else ""


def _phases(view: RunView) -> tuple[tuple[float, str], ...]:
    alone = view.config.training.classifier_epochs
    return ((alone + 0.5, "arms"),) if alone else ()


def spice_chart(view: RunView) -> Chart:
    """SPICE's worst error and time by epoch; its f0 and Q against the model's at the end."""
    errors = _by_epoch(view, lambda r: r.spice.get("worst_error"))
    seconds = _by_epoch(view, lambda r: 1e3 * r.spice["seconds"] if r.spice else None)
    panels = [
        Panel(errors, Axis("epoch"), Axis("worst response error", log=True),
              marks=_phases(view)),
        Panel(seconds, Axis("epoch"), Axis("SPICE, all channels", "ms"),
              marks=_phases(view)),
    ]  # fmt: skip
    for figure, name in (("f0", "f0"), ("q", "Q")):
        lines = []
        for arm in view.arms:
            told = next((r.spice for r in reversed(arm.records) if r.spice), None)
            if told is None:
                continue
            parts = [
                1e6 * (c[figure] / c[f"{figure}_model"] - 1) if c[figure] is not None else math.nan
                for c in told["channels"]
            ]
            lines.append(_by_channel(arm.name, parts, _arm_color(view, arm), "dot", "circle"))
        panels.append(
            Panel(tuple(lines), _channel_axis(view), Axis(f"{name}, SPICE against model", "ppm"))
        )
    return Chart(tuple(panels), columns=2, row_height=260)


# --- confusion, device --------------------------------------------------------------------------


def plot_confusion(
    ax: Axes | None = None,
    *,
    counts: Sequence[Sequence[int]],
    classes: Sequence[str],
    title: str = "",
) -> Axes:
    """Draw counts (true class down, heard as across), shaded by the share of the true class."""
    table = np.asarray(counts, float)
    side = 1.6 + 0.32 * len(classes)
    ax = _axes(ax, side, side)
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(table), strict=True):
        ax.text(
            column, row, f"{table[row, column]:.0f}", ha="center", va="center", fontsize=6.5,
            color="white" if share[row, column] > 0.55 else "#1c2128",
        )  # fmt: skip
    names = [c.strip("_") for c in classes]
    ax.set_xticks(range(len(classes)), names, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(classes)), names)
    ax.tick_params(length=0, labelsize=7.5)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("heard as")
    ax.set_ylabel("true class")
    if title:
        ax.set_title(title, parse_math=False)
    return ax


def gm_chart(told: Mapping[str, Any], kind: str) -> Chart:
    """The simulated device's gm/I against I, with the fitted law; ``told`` by `characterise`."""
    import torch

    from spiceloop.bridge.characterise import Characterisation

    found = Characterisation.from_dict(told)
    current, gm = np.array(found.currents), np.array(found.gms)
    lines = [Line(current, gm / current, "SPICE", SERIES[0], marker="circle", line=False)]
    for k, (law, name) in enumerate((("weak-inversion", "weak inversion"), ("ekv", "EKV"))):
        fitted = found.law(law).gm(torch.from_numpy(current)).numpy() / current
        used = " (used)" if law == kind else ""
        lines.append(
            Line(current, fitted, f"{name}{used}", SERIES[1 + k], "solid" if used else "dash")
        )
    axis = Axis("gm / drain current", "1/V")
    panel = Panel(tuple(lines), Axis("drain current", "A", log=True, prefixed=True), axis)
    return Chart((panel,), row_height=330)


# --- shared -------------------------------------------------------------------------------------


def _arm_color(view: RunView, arm: ArmView) -> str:
    return _color([a.name for a in view.arms].index(arm.name))


def _color(k: int) -> str:
    # Orange is kept for the start.
    colors = [c for c in SERIES if c != ORANGE]
    return colors[k % len(colors)]


def _marker(k: int) -> Marker:
    return _MARKERS[k % len(_MARKERS)]


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    return ax or new_figure(width, height).subplots()
