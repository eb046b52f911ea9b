"""Screened population search: what the model's look at the children is worth, and its batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cut_zdt1 import NAMES, SPACE, TASK, history_of, measure
from spiceloop.opt.auto import Auto
from spiceloop.opt.base import Budget, History, Timing
from spiceloop.opt.pareto import feasible_mask, hypervolume, losses
from spiceloop.opt.population import Population
from spiceloop.opt.screened import Screened, batch_of


def run(search: Population | Screened, n: int, seed: int) -> History:
    history = history_of(np.empty((0, 6)), np.empty((0, 3)))
    while len(history.x) < n:
        batch = min(8 if len(history.x) >= 10 else 10, n - len(history.x))
        x = np.vstack([history.x, search.ask(TASK, history, batch, seed)])
        history = history_of(x, measure(x))
    return history


def volume(history: History) -> float:
    points = losses(TASK, history.metrics, NAMES)
    good = feasible_mask(TASK, history.metrics, NAMES)
    return hypervolume(points[good], np.array([1.1, 6.0]))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_look_by_the_model_is_worth_many_simulations(seed: int) -> None:
    assert volume(run(Screened(), 74, seed)) > volume(run(Population(), 400, seed))


def timed(simulation_s: float, choosing_s: float) -> History:
    x = SPACE.snap_unit(np.random.default_rng(0).random((40, 6)))
    thinking = np.where(np.arange(40) % 8 == 0, choosing_s, 0.0)
    clock = np.cumsum(thinking + simulation_s)
    timing = Timing(np.full(40, simulation_s), thinking, clock, np.zeros(40, bool))
    return replace(history_of(x, measure(x)), timing=timing)


@pytest.mark.parametrize(
    ("simulation_s", "choosing_s", "batch"), [(0.01, 0.1, 20), (10.0, 0.1, 8), (1e-4, 0.1, 64)]
)
def test_a_batch_takes_longer_to_simulate_than_to_choose(
    simulation_s: float, choosing_s: float, batch: int
) -> None:
    assert batch_of(timed(simulation_s, choosing_s)) == batch


def test_auto_screens_while_there_is_time_and_not_at_the_end() -> None:
    history = timed(0.003, 0.1)
    used = float(history.timing.clock_s[-1])
    guided = np.arange(40) < 12  # dear thoughts that the search is now owed for
    thinking = np.where(guided, 5.0, history.timing.thinking_s)
    clock = np.cumsum(thinking + 0.003)
    dear = replace(
        history,
        timing=replace(history.timing, thinking_s=thinking, clock_s=clock, guided=guided),
    )
    task = replace(TASK, budget=Budget(None, float(clock[-1]) + 1000.0))
    assert Auto().choose(task, dear).method == "population"
    assert np.array_equal(Auto().ask(task, dear, 4, 1), Screened().ask(task, dear, 4, 1))
    late = replace(TASK, budget=Budget(None, float(clock[-1]) + 0.1))
    assert used < clock[-1]
    assert "no time to think" in Auto().choose(late, dear).reason
    assert np.array_equal(Auto().ask(late, dear, 4, 1), Population().ask(late, dear, 4, 1))
