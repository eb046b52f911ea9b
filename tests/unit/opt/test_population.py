"""Population search: who is a parent, and whether it gets anywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cut_zdt1 import NAMES, TASK, history_of, measure
from spiceloop.opt.base import History
from spiceloop.opt.convergence import THRESHOLD
from spiceloop.opt.growth import relative_volumes
from spiceloop.opt.pareto import feasible_mask, hypervolume, losses
from spiceloop.opt.population import Population, best_first, total_violation


def evolved(n: int, seed: int) -> History:
    search, history = Population(), history_of(np.empty((0, 6)), np.empty((0, 3)))
    while len(history.x) < n:
        batch = min(search.choose(TASK, history).n, n - len(history.x))
        x = np.vstack([history.x, search.ask(TASK, history, batch, seed)])
        history = history_of(x, measure(x))
    return history


def test_feasible_first_then_by_violation_and_never_a_failed_one() -> None:
    metrics = np.array(
        [
            [0.1, 0.1, -5.0],  # violates a lot
            [1.0, 1.0, 1.0],  # dominated
            [np.nan] * 3,
            [0.5, 0.2, 1.0],  # front, an end
            [0.3, 0.3, 1.0],  # front, between the ends
            [0.2, 0.5, 1.0],  # front, an end
            [0.9, 0.9, -0.1],
        ]
    )
    history = history_of(np.linspace(0, 1, 42).reshape(7, 6), metrics)
    found = best_first(TASK, history, 10).tolist()
    assert sorted(found[:2]) == [3, 5]
    assert found[2:] == [4, 1, 6, 0]
    assert best_first(TASK, history, 2).tolist() == found[:2]
    violation = total_violation(TASK, history)
    assert violation[0] == np.log1p(5.0)
    assert violation[3] == 0.0


def test_what_is_only_shown_may_be_missing() -> None:
    metrics = np.array([[0.1, 0.1, -5.0, np.nan], [1.0, 1.0, 1.0, 2.0], [0.9, 0.9, -0.1, np.nan]])
    history = replace(
        history_of(np.linspace(0, 1, 18).reshape(3, 6), metrics[:, :3]),
        metrics=metrics,
        metric_names=(*NAMES, "shown"),
    )
    assert best_first(TASK, history, 10).tolist() == [1, 2, 0]


def test_it_gets_near_the_front_of_a_constrained_problem() -> None:
    # The whole volume below (1.1, 1.1) of the front g = 1 − √f without the strip.
    f = np.linspace(0.0, 1.0, 2001)
    front = np.column_stack([f, 1 - np.sqrt(f)])[np.abs(f - 0.5) >= 0.1]
    reference = np.array([1.1, 1.1])
    best = hypervolume(front, reference)
    for seed in range(3):
        history = evolved(1000, seed)
        y = losses(TASK, history.metrics, NAMES)
        y[~feasible_mask(TASK, history.metrics, NAMES)] = np.nan
        assert 0.93 * best < hypervolume(y, reference) <= best
        x = np.random.default_rng(seed).random((1000, 6))  # of which random search knows nothing
        y = losses(TASK, measure(x), NAMES)
        assert hypervolume(y, reference) < 0.5 * best


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_growth_is_that_of_the_exact_hypervolume(seed: int) -> None:
    history = evolved(200, seed)
    volumes = relative_volumes(TASK, history)
    assert volumes[-1] == 1.0
    assert np.all(np.diff(volumes) >= 0.0)
    assert volumes[49] < 0.99  # there is growth to be told
    from spiceloop.opt.pareto import reference_point

    y = losses(TASK, history.metrics, NAMES)
    y[~feasible_mask(TASK, history.metrics, NAMES)] = np.nan
    reference = reference_point(TASK, history.metrics, NAMES)
    whole = hypervolume(y, reference)
    for n in (50, 100, 150):
        assert abs(volumes[n - 1] - hypervolume(y[:n], reference) / whole) < THRESHOLD / 3


def test_nothing_feasible_has_no_volume() -> None:
    x = np.random.default_rng(0).random((9, 6))
    metrics = measure(x)
    metrics[:, 2] = -1.0
    assert not relative_volumes(TASK, history_of(x, metrics)).any()
