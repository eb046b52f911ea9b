"""Hypervolume and Pareto sets against moocore, the reference C implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiceloop.opt.pareto import hypervolume, pareto_mask

moocore = pytest.importorskip("moocore")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 10_000), st.booleans())
def test_hypervolume_and_front_agree_with_moocore(n: int, k: int, seed: int, ties: bool) -> None:
    points = np.random.default_rng(seed).normal(size=(n, k))
    if ties:  # equal coordinates are where sweeps go wrong
        points = np.round(points)
    reference = np.full(k, 1.0)
    expected = float(moocore.hypervolume(points, ref=reference))
    assert hypervolume(points, reference) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    keep = moocore.is_nondominated(points, keep_weakly=False)
    assert np.array_equal(pareto_mask(points), keep)
