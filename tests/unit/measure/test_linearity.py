"""The straight-line figures on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiceloop.measure import linearity
from spiceloop.measure.linearity import nonlinearity, tunable_range

furthest = linearity._furthest
X = np.linspace(0.02, 0.60, 30)


def saturating(knee: float, sharpness: float = 40.0) -> np.ndarray:
    """A line through 0 that bends into a plateau at ``knee``."""
    return -np.log(np.exp(-sharpness * X) + np.exp(-sharpness * knee)) / sharpness * 4.4e-4


def on_the_samples(x: np.ndarray, y: np.ndarray, tolerance: float = 0.01) -> float:
    """The definition itself, on the samples only, by looking at every interval."""
    best = 0.0
    for i in range(x.size):
        for j in range(i + 2, x.size):
            gradient, level = np.polyfit(x[i : j + 1], y[i : j + 1], 1)
            line = gradient * x[i : j + 1] + level
            worst = np.abs(y[i : j + 1] - line).max()
            if gradient > 0 and worst <= tolerance * line[-1]:
                best = max(best, x[j] - x[i])
    return best


def test_a_line_is_straight_throughout() -> None:
    assert tunable_range(X, 4.4e-4 * X) == pytest.approx((0.02, 0.60))
    assert nonlinearity(X, 4.4e-4 * X, 0.05, 0.30) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("knee", [0.31, 0.34, 0.37, 0.45])
def test_agrees_with_the_definition_to_the_sample_distance(knee: float) -> None:
    low, high = tunable_range(X, saturating(knee))
    assert on_the_samples(X, saturating(knee)) == pytest.approx(high - low, abs=0.02)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.003, 0.01, 0.05]))
def test_intervals_too_short_to_matter_are_left_out_without_a_difference(
    seed: int, tolerance: float
) -> None:
    rng = np.random.default_rng(seed)
    bend = rng.normal(0.0, 10.0 ** rng.uniform(-3, -1), (3, 1)) * np.sin(
        rng.uniform(5, 40, (3, 1)) * X + rng.uniform(0, 6, (3, 1))
    )
    y = 4.4e-4 * (X + bend.sum(axis=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linearity, "_furthest", lambda x, y, t, _: furthest(x, y, t, 0.0))
        every = tunable_range(X, y, tolerance=tolerance)
    assert tunable_range(X, y, tolerance=tolerance) == every


def test_a_long_plateau_does_not_count_though_the_bare_definition_takes_it() -> None:
    y = saturating(0.15)
    low, high = tunable_range(X, y)
    assert on_the_samples(X, y) == pytest.approx(0.38)
    assert high < 0.16
    assert high - low == pytest.approx(0.085, abs=0.005)


def test_length_changes_smoothly_where_the_sampled_definition_jumps() -> None:
    knees = np.arange(0.28, 0.34, 0.001)
    ends = [tunable_range(X, saturating(k)) for k in knees]
    lengths = np.array([b - a for a, b in ends])
    steps = np.diff(lengths)
    assert np.all(steps > 0)
    assert steps.max() < 0.002  # a 1 mV change of the circuit: no 20 mV jump
    sampled = np.array([on_the_samples(X, saturating(k)) for k in knees])
    assert np.diff(sampled).max() == pytest.approx(0.02)


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(1e-9, 1e3), knee=st.floats(0.1, 0.5))
def test_independent_of_the_unit_of_y(scale: float, knee: float) -> None:
    low, high = tunable_range(X, scale * saturating(knee))
    assert (low, high) == pytest.approx(tunable_range(X, saturating(knee)), abs=1e-6)


def test_within_limits_the_ends() -> None:
    y = saturating(0.40)
    _, free = tunable_range(X, y)
    assert tunable_range(X, y, within=(0.1, 0.25)) == pytest.approx((0.1, 0.25))
    highs = np.arange(0.20, free, 0.0017)
    for high in highs:
        low, end = tunable_range(X, y, within=(0.053, float(high)))
        assert (low, end) == pytest.approx((0.053, high), abs=1e-9)


def test_a_limit_that_leaves_nothing() -> None:
    low, high = tunable_range(X, saturating(0.4), within=(0.3, 0.301))
    assert 0 <= high - low <= 0.001 + 1e-12


@pytest.mark.parametrize(
    "y",
    [np.full(X.size, 1e-4), -4.4e-4 * X, 1e-4 - 1e-5 * X, np.zeros(X.size)],
    ids=["flat", "negative", "falling", "zero"],
)
def test_what_does_not_tune_has_no_range_and_no_linearity(y: np.ndarray) -> None:
    low, high = tunable_range(X, y)
    assert high - low == 0
    assert nonlinearity(X, y, 0.05, 0.30) == 1.0


def test_a_plateau_with_a_slight_slope_does_not_win() -> None:
    rng = np.random.default_rng(0)
    y = 1e-4 * (1 + 0.02 * X + 0.001 * rng.standard_normal(X.size))
    low, high = tunable_range(X, y)
    assert high - low < 0.1
    assert nonlinearity(X, y, 0.05, 0.30) > 0.05


def test_nonlinearity_of_a_parabola() -> None:
    """x² − (best line) on [0, 1] by samples: compare with NumPy's own fit."""
    x = np.linspace(0, 1, 201)
    y = x + 0.1 * x**2
    residual = y - np.polyval(np.polyfit(x, y, 1), x)
    assert nonlinearity(x, y, 0, 1) == pytest.approx(np.abs(residual).max() / 1.1, rel=1e-3)
