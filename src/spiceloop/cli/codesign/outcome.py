"""The result of a run: a table for people, a document for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.cli.console import print_table, print_text
from spiceloop.kws.paired import Difference
from spiceloop.report.axes import shown
from spiceloop.report.codesign import ArmView, RunView, condition_text
from spiceloop.report.codesign.words import area, interval, percent, points

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["accuracy_table", "against", "document", "print_outcome"]


def print_outcome(view: RunView, page: Path | None) -> None:
    """Print what came out: costs and accuracy of every arm."""
    print_table(_costs(view))
    print_text("")
    print_table(accuracy_table(view, list(view.arms), view.conditions))
    control = view.control
    if control is not None and len(view.arms) > 1:
        print_text(
            f"\nin brackets: points against {control.name}, 95 % interval over the same "
            f"{control.heard['clips']} test clips; it says nothing about other seeds"
        )
    print_text(f"against scaling without limit: {view.config.trap}")
    print_text(f"run:    {view.path}")
    if page is not None:
        print_text(f"report: {page}")


def _costs(view: RunView) -> Table:
    table = _table("", *(arm.name for arm in view.arms))
    last = [arm.records[-1] for arm in view.arms]
    power = (f"{shown(r.power, 'W')}  {percent(r.power / view.start_power - 1)}" for r in last)
    size = (f"{area(r.area)}  {percent(r.area / view.start_area - 1)}" for r in last)
    table.add_row("power", *power)
    table.add_row("capacitor area", *size)
    return table


def accuracy_table(view: RunView, arms: list[ArmView], conditions: tuple[str, ...]) -> Table:
    """Return accuracy by condition and arm, with the paired difference to the fixed arm."""
    table = _table("accuracy (%)", *(arm.name for arm in arms))
    for condition in conditions:
        cells = []
        for arm in arms:
            value = arm.accuracy.get(condition)
            cell = "–" if value is None else f"{100 * value:.1f}"
            found = _against(view, arm, condition)
            cells.append(
                cell if found is None else f"{cell}  ({points(found.value)}; {interval(found)})"
            )
        table.add_row(condition_text(condition), *cells)
    return table


def document(view: RunView, page: Path | None, again: str | None) -> dict[str, object]:
    """Return the JSON document of a run; ``again`` is the command that goes on with it."""
    return {
        "name": view.config.name,
        "out": view.path,
        "seed": view.config.seed,
        "ending": "interrupted" if again else "done",
        "epochs": {"wanted": view.epochs_wanted, "done": len(view.records)},
        "data": view.head["data"],
        "law": view.head["law"],
        "start": {
            "power": view.start_power,
            "area": view.start_area,
            "f0": view.start.f0,
            "q": view.start.q,
            "gain": view.start.gain,
        },
        "trap": view.config.trap,
        "arms": {arm.name: _arm(view, arm) for arm in view.arms},
        "report": page,
        "resume": again,
    }


def _arm(view: RunView, arm: ArmView) -> dict[str, object]:
    last = arm.records[-1] if arm.records else None
    return {
        "filters": arm.arm.filters,
        "epochs": len(arm.records),
        "power": last and last.power,
        "area": last and last.area,
        "power_change": view.power_change(arm),
        "area_change": view.area_change(arm),
        "accuracy": arm.accuracy,
        "against": against(view, arm),
        "clips": arm.heard.get("clips"),
    }


def against(view: RunView, arm: ArmView) -> dict[str, object]:
    """Return the differences to the fixed arm by condition, with their 95 % intervals."""
    found = {c: _against(view, arm, c) for c in arm.accuracy}
    return {
        c: {"difference": d.value, "low": d.low, "high": d.high}
        for c, d in found.items()
        if d is not None
    }


def _against(view: RunView, arm: ArmView, condition: str) -> Difference | None:
    control = view.control
    return None if control is None or control is arm else arm.against(control, condition)


def _table(*headers: str) -> Table:
    from rich.table import Table

    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    return table
