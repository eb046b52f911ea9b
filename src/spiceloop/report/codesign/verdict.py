"""What was gained, and at what accuracy: in words, then in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report.cards.base import Plot
from spiceloop.report.codesign.view import ArmView, RunView, condition_text, noise_of, snr_of
from spiceloop.report.codesign.words import change_words, interval, percent, points, verdict

__all__ = ["make"]


@dataclass(frozen=True)
class Sentence:
    """One learned arm: what it saves, then how its accuracy compares, condition by condition."""

    arm: str
    saves: str
    compared: tuple[str, ...]


def make(view: RunView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    learned = [a for a in view.arms if a.learned and a.records]
    conditions = _told(view)
    errors = [r.spice.get("worst_error") for r in view.records if r.spice]
    return {
        "finished": view.finished,
        "done": len(view.records),
        "wanted": view.epochs_wanted,
        "sentences": [_sentence(view, a, conditions) for a in learned],
        "control": view.control.name if view.control else "",
        "tiles": [_tile(view, a, conditions) for a in view.arms if a.records],
        "trap": view.config.trap,
        "seed": view.config.seed,
        "worst": f"{max((e for e in errors if e is not None), default=0):.1e}" if errors else "",
    }, ()


def _told(view: RunView) -> list[str]:
    """Clean, and the lowest SNR of known and of unseen noise."""
    found = [c for c in view.conditions if c == "clean"]
    for kind in ("known", "unseen"):
        noisy = [c for c in view.conditions if noise_of(c) == kind]
        if noisy:
            found.append(min(noisy, key=snr_of))
    return found


def _sentence(view: RunView, arm: ArmView, conditions: list[str]) -> Sentence:
    power, area = view.power_change(arm), view.area_change(arm)
    assert power is not None
    assert area is not None
    saves = f"{change_words(power, 'power')} and {change_words(area, 'capacitor area')}"
    compared = []
    for condition in conditions:
        found = arm.against(view.control, condition) if view.control else None
        if found is not None and view.control is not None:
            compared.append(
                f"{condition_text(condition)}: {100 * arm.accuracy[condition]:.1f} % against "
                f"{100 * view.control.accuracy[condition]:.1f} %, {points(found.value)} points "
                f"(95 % interval {interval(found)}): {verdict(found)}"
            )
    return Sentence(arm.name, saves, tuple(compared))


def _tile(view: RunView, arm: ArmView, conditions: list[str]) -> dict[str, Any]:
    power, area = view.power_change(arm), view.area_change(arm)
    return {
        "name": arm.name,
        "filters": arm.arm.filters,
        "power": "–" if power is None else percent(power),
        "area": "–" if area is None else percent(area),
        "accuracy": [
            (condition_text(c), f"{100 * arm.accuracy[c]:.1f} %")
            for c in conditions
            if c in arm.accuracy
        ],
        "validation": f"{100 * arm.records[-1].validation:.1f} %",
    }
