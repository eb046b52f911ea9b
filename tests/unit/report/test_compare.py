from __future__ import annotations

import math

import pytest

from spiceloop.report.axes import shown
from spiceloop.report.compare import bounds_text, change, ratio_text, shortfall
from spiceloop.spec.problem import Metric
from spiceloop.study.trial import Origin, Trial, TrialState


@pytest.mark.parametrize(
    ("unit", "goal", "value", "before", "text", "percent", "verdict"),
    [
        ("V", "maximize", 0.484, 0.24, "×2.02", "+102 %", "better"),
        ("V", "minimize", 0.76e-4, 1e-4, "×0.76", "−24 %", "better"),
        ("W", "minimize", 2.0, 1.0, "×2", "+100 %", "worse"),
        ("W", "minimize", 50.0, 1.0, "×50", "", "worse"),
        ("dB", "maximize", 63.0, 60.0, "+3 dB", "", "better"),
        ("V", "maximize", -1e-3, 1e-3, "−2 mV", "", "worse"),
        ("V", "maximize", 1.0, 0.0, "+1 V", "", "better"),
        ("V", "minimize", 1.0001, 1.0, "unchanged", "", "same"),
        ("V", None, 2.0, 1.0, "×2", "+100 %", ""),
    ],
)
def test_change(
    unit: str,
    goal: str | None,
    value: float,
    before: float,
    text: str,
    percent: str,
    verdict: str,
) -> None:
    metric = Metric.model_validate({"unit": unit, "goal": goal})
    found = change(metric, value, before)
    assert (found.text, found.percent, found.verdict) == (text, percent, verdict)


def test_bounds_and_by_how_much_they_are_missed() -> None:
    metric = Metric(unit="dB", minimum=60.0, maximum=90.0)
    assert bounds_text(metric) == "60 dB … 90 dB"
    assert bounds_text(Metric(unit="V", maximum=1e-3)) == "≤ 1 mV"
    assert bounds_text(Metric(unit="dB", minimum=60)) == "≥ 60 dB"
    assert bounds_text(Metric()) == ""

    def trial(value: float) -> Trial:
        missed = {"gain": 0.1} if not 60 <= value <= 90 else {}
        return Trial(1, TrialState.DONE, Origin.MODEL, {}, {"gain": value}, missed)

    assert shortfall("gain", metric, trial(57.0)) == "misses by 3 dB"
    assert shortfall("gain", metric, trial(100.0)) == "exceeds by 10 dB"
    assert shortfall("gain", metric, trial(70.0)) == ""


@pytest.mark.parametrize(
    ("value", "start", "text"),
    [(2.0, 1.0, "×2"), (1.0, 3.0, "×0.333"), (1.0, 0.0, ""), (1.0, -1.0, ""), (None, 1.0, "")],
)
def test_ratio(value: float | None, start: float | None, text: str) -> None:
    assert ratio_text(value, start) == text


def test_shown() -> None:
    assert shown(4e-6, "m") == "4 µm"
    assert shown(-0.5, "dB") == "−0.5 dB"
    assert shown(None, "V") == shown(math.nan, "V") == "–"
    assert shown(0.001) == "0.001"
