"""Snapping without repeating, and the search along a coarse grid."""

from __future__ import annotations

import numpy as np
import torch

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.search import climb, climb_on_grid, raw_points

GRID = DesignSpace((Variable("n", 1, 5, grid=1), Variable("m", 1, 5, grid=1)))


def test_the_next_best_is_taken_when_the_best_is_known() -> None:
    known = np.array([[0.5, 0.5]])
    taken = Taken(GRID, known)
    rng = np.random.default_rng(0)
    points = [np.array([0.52, 0.49]), np.array([0.74, 0.5])]
    assert fill(taken, points, rng).tolist() == [0.75, 0.5]
    # The second time both are known: some other design of the grid.
    again = fill(taken, points, rng)
    assert again.tolist() not in ([0.75, 0.5], [0.5, 0.5])


def test_the_whole_grid_is_used_before_anything_repeats() -> None:
    taken, rng = Taken(GRID), np.random.default_rng(0)
    found = {tuple(fill(taken, [], rng)) for _ in range(25)}
    assert len(found) == 25


def test_raw_points_stay_in_the_cube_and_near_good_designs() -> None:
    good = np.array([[0.0, 1.0, 0.5]])
    points = raw_points([good], 64, 64, np.random.default_rng(0))
    assert points.shape == (128, 3)
    assert points.min() >= 0
    assert points.max() <= 1
    near, far = (np.abs(part - good).mean() for part in (points[64:], points[:64]))
    assert near < far / 2


def test_climbing_finds_the_best_of_several_peaks() -> None:
    peaks = torch.tensor([[0.2, 0.2], [0.8, 0.7]], dtype=torch.double)
    heights = torch.tensor([1.0, 1.5], dtype=torch.double)

    def hills(x: torch.Tensor) -> torch.Tensor:
        return (heights - 40 * torch.cdist(x, peaks).square()).exp().sum(1).log()

    raw = raw_points([np.array([[0.2, 0.25]])], 64, 64, np.random.default_rng(0))
    points, values = climb(hills, raw, restarts=6, max_steps=50)
    assert np.allclose(points[0], [0.8, 0.7], atol=1e-3)
    assert values[0] == max(values)


def test_a_coarse_grid_is_climbed_where_rounding_misses_the_best() -> None:
    # A narrow diagonal ridge: the continuous maximum rounds to a bad design.
    def ridge(x: torch.Tensor) -> torch.Tensor:
        along, across = x.sum(1), x[:, 0] - x[:, 1]
        return -((along - 1.1) ** 2) - 100 * (across - 0.25) ** 2

    begin = np.array([[0.675, 0.425]])
    found = climb_on_grid(ridge, begin, GRID)
    everything = np.array([[a, b] for a in np.linspace(0, 1, 5) for b in np.linspace(0, 1, 5)])
    best = everything[int(ridge(torch.as_tensor(everything)).argmax())]
    assert np.allclose(found[0], best)
