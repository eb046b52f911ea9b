"""Paired differences: the formula by hand, its symmetry, and how often the interval holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spiceloop.kws.paired import paired_difference


def test_by_hand():
    """100 clips, 7 that only the other mishears, 3 that only this one does."""
    found = paired_difference({1, 2, 3, 50}, {50, *range(10, 17)}, 100)
    assert found.value == pytest.approx(0.04)
    centre = 4 / 102
    half = 1.96 * math.sqrt((3.5 + 3.5 + 7.5 - 3.5) / 102 - centre**2) / math.sqrt(102)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), rel=1e-4)


def test_the_other_way_round_is_the_negative():
    one, other = {1, 2, 3}, {3, 4, 9, 11, 12}
    there, back = paired_difference(one, other, 60), paired_difference(other, one, 60)
    assert there.value == -back.value
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_equal_systems_differ_by_nothing_within_a_narrow_interval():
    found = paired_difference([4, 5], [5, 4], 200)
    assert found.value == 0
    assert found.low == -found.high
    assert 0 < found.high < 0.01


@pytest.mark.parametrize(("better", "worse"), [(0.05, 0.05), (0.08, 0.03), (0.03, 0.01)])
def test_the_interval_holds_in_95_of_100_draws(better, worse):
    """The truth is better - worse; 93 % at least, the interval being approximate."""
    rng = np.random.default_rng(9)
    inside = 0
    for _ in range(1000):
        draw = rng.random(400)
        other = np.flatnonzero(draw < better)
        mine = np.flatnonzero((draw >= better) & (draw < better + worse))
        found = paired_difference(mine.tolist(), other.tolist(), 400)
        inside += found.low <= better - worse <= found.high
    assert inside >= 930
