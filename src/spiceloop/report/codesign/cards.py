"""The cards of a co-design report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spiceloop.filterbank import Ekv
from spiceloop.report.axes import shown
from spiceloop.report.cards.base import CannotDrawError, Card, Plot, draw
from spiceloop.report.chart import Chart, draw_chart, plotly_chart
from spiceloop.report.codesign import figures
from spiceloop.report.codesign.verdict import make as make_verdict
from spiceloop.report.codesign.view import ArmView, RunView, condition_text
from spiceloop.report.codesign.words import area, interval, percent, points
from spiceloop.report.static import Picture, new_figure, picture, style

__all__ = ["all_cards", "confusion_picture"]

Made = tuple[Mapping[str, Any], tuple[Plot, ...]]

_NOT_YET = "No arm is trained to its end yet; `spiceloop codesign resume` goes on with the run."


def all_cards(view: RunView) -> tuple[Card, ...]:
    """Draw every card; one that cannot be drawn says why."""
    makers: tuple[tuple[str, str, Callable[[RunView], Made]], ...] = (
        ("verdict", "Result", make_verdict),
        ("responses", "Frequency responses", _responses),
        ("channels", "Channels before and after", _channels),
        ("accuracy", "Accuracy against noise", _accuracy),
        ("costs", "Power and area", _costs),
        ("training", "Training", _training),
        ("spice", "SPICE in the loop", _spice),
        ("confusion", "What was taken for what", _confusion),
        ("device", "Device", _device),
        ("made", "How this was made", _made),
    )
    return tuple(draw(key, title, make, view) for key, title, make in makers)


def _plot(key: str, chart: Chart, alt: str, caption: str = "") -> Plot:
    with style():
        image = picture(draw_chart(chart, 4.5 if len(chart.panels) == 1 else 8.5), key, alt)
    return Plot(key, caption, image, plotly_chart(chart))


def _responses(view: RunView) -> Made:
    chart = figures.responses_chart(view)
    facts = {
        "trained": any(a.learned and a.records for a in view.arms),
        "q": view.config.bank.q,
        "scale": view.config.bank.scale,
    }
    return facts, (_plot("responses", chart, "magnitude of every channel against frequency"),)


def _channels(view: RunView) -> Made:
    arms = [a for a in view.arms if a.bank is not None]
    tables = [("start", view.start), *((a.name, a.bank) for a in arms if a.learned)]
    facts = {"tables": [(name, _rows(bank)) for name, bank in tables]}
    plot = _plot("channels", figures.channels_chart(view), "f0, Q and gain of every channel")
    return facts, (plot,)


def _rows(bank: Any) -> dict[str, Any]:
    """A bank as a table: heads, then one row a channel."""
    elements = bank.elements or {}
    unit = {"g": "S", "i": "A", "c": "F"}
    heads = ["channel", "f0", "Q", "gain", *elements, "noise", "power", "area"]
    rows = [
        [
            str(k + 1),
            shown(bank.f0[k], "Hz"),
            shown(bank.q[k], digits=3),
            shown(bank.gain[k], digits=3),
            *(shown(values[k], unit[name[0]], 3) for name, values in elements.items()),
            shown(bank.noise[k], "V", 3),
            shown(bank.power[k], "W", 3),
            area(bank.area[k]),
        ]
        for k in range(len(bank.f0))
    ]
    return {"heads": heads, "rows": rows}


def _accuracy(view: RunView) -> Made:
    arms = [a for a in view.arms if a.accuracy]
    if not arms:
        raise CannotDrawError(_NOT_YET)
    control = view.control
    rows = []
    for condition in dict.fromkeys(c for a in arms for c in a.accuracy):
        cells = []
        for arm in arms:
            value = arm.accuracy.get(condition)
            found = None if control is None or control is arm else arm.against(control, condition)
            cells.append(
                (
                    "–" if value is None else f"{100 * value:.1f} %",
                    "" if found is None else f"{points(found.value)} ({interval(found)})",
                )
            )
        rows.append((condition_text(condition), cells))
    facts = {
        "arms": [a.name for a in arms],
        "rows": rows,
        "clips": arms[0].heard["clips"],
        "control": control.name if control is not None and len(arms) > 1 else "",
        "mixing": view.config.mixing,
    }
    return facts, (_plot("accuracy", figures.accuracy_chart(view), "accuracy against SNR"),)


def _costs(view: RunView) -> Made:
    arms = [a for a in view.arms if a.records]
    if not arms:
        raise CannotDrawError("No arm has finished an epoch yet.")
    rows = [("start", shown(view.start_power, "W"), "", area(view.start_area), "", "")]
    for arm in arms:
        last = arm.records[-1]
        weights = arm.arm
        rows.append(
            (
                arm.name,
                shown(last.power, "W"),
                percent(last.power / view.start_power - 1),
                area(last.area),
                percent(last.area / view.start_area - 1),
                f"λ1 {weights.classification:g}, λ2 {weights.power:g}, λ3 {weights.area:g}"
                if arm.learned
                else "filters fixed",
            )
        )
    bank = view.config.bank
    facts = {
        "rows": rows,
        "supply": shown(bank.supply, "V"),
        "density": f"{bank.capacitor_density * 1e3:.3g} fF/µm²",
        "trap": view.config.trap,
    }
    return facts, (_plot("costs", figures.costs_chart(view), "power and area of every channel"),)


def _training(view: RunView) -> Made:
    if not view.records:
        raise CannotDrawError("No epoch is finished yet.")
    t = view.config.training
    facts = {
        "done": len(view.records),
        "wanted": view.epochs_wanted,
        "alone": t.classifier_epochs,
        "joint": t.joint_epochs,
        "minutes": sum(r.seconds for r in view.records) / 60,
    }
    return facts, (_plot("training", figures.training_chart(view), "every epoch's figures"),)


def _spice(view: RunView) -> Made:
    checked = [r for r in view.records if r.spice]
    if not checked:
        raise CannotDrawError("SPICE has not checked an epoch yet.")
    errors = [r.spice["worst_error"] for r in checked if r.spice["worst_error"] is not None]
    seconds = sorted(r.spice["seconds"] for r in checked)
    facts = {
        "checks": len(checked),
        "channels": len(checked[0].spice["channels"]),
        "worst": f"{max(errors):.1e}" if errors else "not found",
        "tolerance": f"{view.config.spice.tolerance:g}",
        "median": f"{1e3 * seconds[len(seconds) // 2]:.0f} ms",
        "simulator": view.config.spice.simulator,
        "start": f"{view.spice_start['worst_error']:.1e}" if view.spice_start else "",
    }
    return facts, (_plot("spice", figures.spice_chart(view), "SPICE against the model"),)


def _confusion(view: RunView) -> Made:
    arms = [a for a in view.arms if a.heard]
    if not arms:
        raise CannotDrawError(_NOT_YET)
    hardest = view.hardest
    plots = [
        Plot(f"confusion-{a.name}", "", confusion_picture(view, a, ["clean", hardest]))
        for a in arms
    ]
    return {"hardest": hardest and condition_text(hardest)}, tuple(plots)


def confusion_picture(view: RunView, arm: ArmView, wanted: list[str | None]) -> Picture:
    """Draw an arm's confusion in these conditions side by side."""
    tables = arm.heard["confusion"]
    conditions = [c for c in wanted if c is not None and c in tables]
    side = 1.6 + 0.32 * len(view.classes)
    with style():
        figure = new_figure(side * len(conditions), side)
        for ax, c in zip(figure.subplots(1, len(conditions), squeeze=False).flat, conditions,
                         strict=True):  # fmt: skip
            title = f"{arm.name}: {condition_text(c)}, {100 * arm.accuracy[c]:.1f} %"
            figures.plot_confusion(ax, counts=tables[c], classes=view.classes, title=title)
        return picture(figure, f"confusion-{arm.name}", f"confusion of classes, arm {arm.name}")


def _device(view: RunView) -> Made:
    told = view.head["characterisation"]
    law = view.head["law"]
    if not told:
        raise CannotDrawError(
            f"The configuration states the device (n = {law['n']:g}), so SPICE was not asked."
        )
    kind = law["kind"]
    fit = told["ekv" if isinstance(view.law, Ekv) else "weak"]
    facts = {
        "device": told["device"],
        "size": f"{told['w'] * 1e6:g}/{told['l'] * 1e6:g} µm",
        "corner": told["corner"],
        "temperature": f"{told['temperature']:g} °C",
        "kind": kind,
        "n": f"{fit['n']:.4f}",
        "specific": shown(fit["specific_current"], "A") if fit["specific_current"] else "",
        "error": f"{100 * fit['rms_error']:.2g} %",
        "up_to": shown(fit["up_to"], "A"),
    }
    chart = figures.gm_chart(told, kind)
    return facts, (_plot("device", chart, "gm over drain current against drain current"),)


def _made(view: RunView) -> Made:
    data = view.head["data"]
    clips = ", ".join(f"{n} {split}" for split, n in data["clips"].items())
    facts = [
        ("run", str(view.path)),
        ("configuration", view.config.name),
        ("seed", str(view.config.seed)),
        ("data", data["source"]),
        ("data fingerprint", data["fingerprint"]),
        ("clips", clips),
        ("classes", ", ".join(data["classes"])),
        ("sampling rate", shown(data["sample_rate"], "Hz")),
        ("warnings of the data", "; ".join(data["warnings"])),
    ]
    return {
        "facts": [(name, value) for name, value in facts if value],
        "versions": list(view.head["versions"].items()),
        "config": list(_flat(view.head["config"])),
    }, ()


def _flat(tree: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{before}{key}.")
        else:
            rows.append((f"{before}{key}", "none" if value is None else str(value)))
    return rows
