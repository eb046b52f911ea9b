"""The transconductor's start: figures worked out beforehand on the library's own models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from spiceloop.examples import path
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.functions import load_function
from spiceloop.spec.load import load_problem

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]

PROBLEM = load_problem(path("transconductor") / "problem.yaml")
START = PROBLEM.start or {}


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator(PROBLEM, simulator="ngspice-lib") as one:
        yield one


def metrics(evaluator: Evaluator, **changes: float) -> Mapping[str, float]:
    return evaluator.evaluate({**START, **changes}).metrics


def test_start(evaluator: Evaluator) -> None:
    got = metrics(evaluator)
    expected = {
        "tunable_range": 0.2472,
        "nonlinearity": 1.477,
        "bandwidth": 751.4e6,
        "power": 506.0e-6,
        "irn": 359.0e-6,
        "gm": 94.78e-6,
        "imbalance": 0.217,
        "straight_range": 0.2472,
        "range_low": 0.02,
        "range_high": 0.2672,
    }
    assert dict(got) == pytest.approx(expected, rel=3e-3)


def test_gm_follows_vtune_in_the_flat_models_and_in_the_library(evaluator: Evaluator) -> None:
    waves = evaluator.evaluate(START, waves=True).waves["main"]
    dc = waves.plot("dc")
    n = dc.x.size // 2
    vtune, current = np.real(dc.x)[:n], np.real(dc["v(iod)"])
    gm = (current[n:] - current[:n]) / 0.04
    assert vtune == pytest.approx(np.arange(1, 31) * 0.02)
    inside = (vtune >= 0.05) & (vtune <= 0.26)
    assert np.polyfit(vtune[inside], gm[inside], 1)[0] == pytest.approx(0.46e-3, rel=0.03)
    assert np.all(np.diff(gm) > 0)


def test_range_and_noise_pull_against_each_other_through_vcm(evaluator: Evaluator) -> None:
    rows = [metrics(evaluator, vcm=v) for v in (0.9, 1.0, 1.1, 1.2)]
    assert np.all(np.diff([m["tunable_range"] for m in rows]) > 0)
    assert np.all(np.diff([m["irn"] for m in rows]) > 0)
    assert np.all(np.diff([m["power"] for m in rows]) > 0)


def test_a_wider_pair_has_more_gm_and_takes_more_power(evaluator: Evaluator) -> None:
    rows = [metrics(evaluator, w1=w) for w in (3e-6, 4e-6, 5e-6)]
    assert np.all(np.diff([m["gm"] for m in rows]) > 0)
    assert np.all(np.diff([m["power"] for m in rows]) > 0)


def test_loads_that_cannot_carry_the_current_leave_no_range(evaluator: Evaluator) -> None:
    """The held outputs would supply it: such a circuit must not look cheap and good."""
    got = metrics(evaluator, wp=0.42e-6, lp=2e-6)
    assert got["tunable_range"] == 0
    assert got["straight_range"] > 0.2  # what it would be called otherwise
    assert got["imbalance"] > 50
    assert metrics(evaluator, wp=5e-6)["tunable_range"] < metrics(evaluator)["tunable_range"]


def test_metrics_are_smooth_in_the_parameters(evaluator: Evaluator) -> None:
    widths = np.arange(4.0e-6, 4.2e-6, 20e-9)
    rows = [metrics(evaluator, w1=float(w)) for w in widths]
    for name in ("tunable_range", "nonlinearity", "bandwidth", "power", "irn"):
        values = np.log([m[name] for m in rows])
        bends = np.abs(np.diff(values, 2))
        assert bends.max() < 2e-3, name


def test_corners_of_the_space_give_finite_figures(evaluator: Evaluator) -> None:
    space = PROBLEM.space
    rng = np.random.default_rng(5)
    for _ in range(12):
        corner = rng.integers(0, 2, len(space)).astype(float)
        got = evaluator.evaluate(space.from_unit(corner)).metrics
        assert all(np.isfinite(v) for v in got.values()), got
        assert 0 <= got["tunable_range"] <= 0.58
        assert 0 <= got["nonlinearity"] <= 100
        assert got["power"] > 0
        assert got["irn"] > 0


def test_report_figures(evaluator: Evaluator) -> None:
    gm_curves, _ = load_function(PROBLEM.figures[0], PROBLEM.folder)
    figures = gm_curves(evaluator.simulate, {"start": START, "chosen": {**START, "vcm": 1.2}})
    assert len(figures) == 2
    vtune, vid = (f.axes[0] for f in figures)
    assert len(vtune.lines) == 4
    assert len(vid.lines) == 10
    for line in vid.lines:
        peak = line.get_xdata()[np.argmax(line.get_ydata())]
        assert peak == pytest.approx(0, abs=0.2)
        assert np.min(line.get_ydata()) > 0
    assert all(f.get_label() for f in figures)


def test_the_band_drawn_is_the_range_that_was_optimized(evaluator: Evaluator) -> None:
    """Loads too narrow for balance: the straight stretch is longer than what counts."""
    gm_curves, _ = load_function(PROBLEM.figures[0], PROBLEM.folder)
    design = {**START, "wp": 5e-6}
    got = metrics(evaluator, wp=5e-6)
    assert got["tunable_range"] < got["straight_range"]
    vtune, _ = gm_curves(evaluator.simulate, {"narrow": design})
    (band,) = [line for line in vtune.axes[0].lines if line.get_linewidth() > 5]
    assert list(band.get_xdata()) == pytest.approx([got["range_low"], got["range_high"]])
