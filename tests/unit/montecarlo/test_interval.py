"""Intervals of a yield against SciPy's own, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spiceloop.montecarlo import interval


@pytest.mark.parametrize(
    ("passed", "total"), [(0, 1), (1, 1), (0, 40), (40, 40), (14, 40), (199, 200), (3, 1000)]
)
def test_it_is_the_exact_interval(passed: int, total: int) -> None:
    expected = stats.binomtest(passed, total).proportion_ci(0.95, method="exact")
    found = interval(passed, total)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("part", [0.02, 0.5, 0.97])
def test_it_covers_the_true_yield_at_least_as_often_as_it_says(part: float) -> None:
    total = 60
    covered = sum(
        stats.binom.pmf(k, total, part)
        for k in range(total + 1)
        if interval(k, total).low <= part <= interval(k, total).high
    )
    assert covered >= 0.95


def test_nothing_known_is_the_whole_range() -> None:
    assert (interval(0, 0).low, interval(0, 0).high) == (0.0, 1.0)
    widths = [interval(n * 9 // 10, n).half_width for n in (10, 100, 1000)]
    assert np.all(np.diff(widths) < 0)
