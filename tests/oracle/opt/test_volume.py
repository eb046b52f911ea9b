"""Hypervolume traces against moocore, which shares no code with them."""

from __future__ import annotations

import numpy as np
import pytest

from spiceloop.opt.volume import volume_trace

moocore = pytest.importorskip("moocore")


@pytest.mark.parametrize("k", [2, 3, 5, 6])
def test_every_step_of_the_exact_trace(k: int) -> None:
    rng = np.random.default_rng(k)
    points = rng.normal(size=(24, k)) - 1.0
    points[5] = np.nan  # a failed trial
    points[7] = points[3]  # a design that was tried twice
    reference = np.zeros(k)
    trace = volume_trace(points, reference)
    assert trace.relative_error == 0
    for n in range(1, len(points) + 1):
        seen = points[:n][np.isfinite(points[:n]).all(axis=1)]
        assert trace.values[n - 1] == pytest.approx(
            moocore.hypervolume(seen, ref=reference), rel=1e-9, abs=1e-12
        )


def test_one_objective_is_the_distance_to_the_reference() -> None:
    trace = volume_trace(np.array([[3.0], [1.0], [2.0], [0.5]]), np.array([2.0]))
    np.testing.assert_allclose(trace.values, [0.0, 1.0, 1.0, 1.5])


@pytest.mark.parametrize("k", [3, 5, 8])
def test_the_estimate_is_within_its_own_error(k: int) -> None:
    points = -np.abs(np.random.default_rng(100 + k).normal(size=(40, k)))
    trace = volume_trace(points, np.zeros(k), most_steps=0)
    exact = moocore.hypervolume(points, ref=np.zeros(k))
    assert 0 < trace.relative_error < 0.05
    assert abs(trace.values[-1] / exact - 1) < 4 * trace.relative_error
    assert (np.diff(trace.values) >= 0).all()


def test_nothing_better_than_the_reference() -> None:
    trace = volume_trace(np.array([[1.0, -1.0], [np.nan, np.nan]]), np.zeros(2))
    np.testing.assert_array_equal(trace.values, [0.0, 0.0])
