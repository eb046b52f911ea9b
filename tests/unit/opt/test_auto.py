"""What the chooser makes of measured times: each branch of its rule, and its purity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt.auto import Auto
from spiceloop.opt.base import Budget, Chooser, Constraint, Goal, History, Task, Timing
from spiceloop.opt.ehvi import Ehvi
from spiceloop.opt.population import Population

SPACE = DesignSpace(tuple(Variable(f"x{i}", 0.0, 1.0) for i in range(3)))
NAMES = ("f", "g")
TASK = Task(SPACE, (Goal("f", False, "linear"), Goal("g", False, "linear")), n_initial=10)


def history_of(
    n: int, simulation_s: float, thinking_s: float, guided_every: int = 1, overhead_s: float = 0.0
) -> History:
    """``n`` rows; of those after the tenth each ``guided_every``-th was thought about."""
    x = SPACE.snap_unit(np.random.default_rng(0).random((n, 3)))
    metrics = np.column_stack([x[:, 0] + 0.1, 1.0 - x[:, 0] + x[:, 1]])
    guided = (np.arange(n) >= 10) & (np.arange(n) % guided_every == 0)
    thinking = np.where(guided, thinking_s, 0.0)
    clock = np.cumsum(thinking + simulation_s + overhead_s)
    timing = Timing(np.full(n, simulation_s), thinking, clock, guided)
    return History(x, metrics, NAMES, np.zeros(n, bool), np.empty((0, 3)), n, None, timing)


def within(trials: int | None = None, seconds: float | None = None) -> Task:
    return replace(TASK, budget=Budget(trials, seconds))


def test_it_is_a_chooser() -> None:
    assert isinstance(Auto(), Chooser)
    assert isinstance(Population(), Chooser)
    assert not isinstance(Ehvi(), Chooser)


@pytest.mark.parametrize(
    ("task", "history", "method", "said"),
    [
        (within(35), history_of(20, 0.003, 1.0), "model", "no limit in seconds"),
        (within(35, 1e4), history_of(20, 0.003, 1.0), "model", "time to think about each"),
        (within(None, 1e4), history_of(20, 180.0, 2.0), "model", "thinking is cheap"),
        (within(None, 20.9), history_of(20, 1.0, 2.0), "population", "no time to think"),
        (within(None, 600), history_of(5, 0.003, 1.0), "initial", "needs some designs first"),
        (within(None, 600), replace(history_of(20, 1, 1), timing=None), "model", "no limit"),
    ],
)
def test_the_rule(task: Task, history: History, method: str, said: str) -> None:
    choice = Auto().choose(task, history)
    assert choice.method == method
    assert said in choice.reason


def test_short_simulations_get_most_of_the_trials_and_thinking_its_share_of_the_clock() -> None:
    """The run, played with times instead of waiting: 3 ms a simulation, 0.5 s a thought."""
    auto, task = Auto(), within(None, 60.0)
    history = history_of(10, 0.003, 0.5)
    rng = np.random.default_rng(1)
    while (clock := float(history.timing.clock_s[-1])) < 60.0:
        choice = auto.choose(task, history)
        n, thought = choice.n, 0.5 if choice.method == "model" else 0.0
        x = rng.random((n, 3))
        old = history.timing
        thinking = np.r_[thought, np.zeros(n - 1)]
        timing = Timing(
            np.r_[old.simulation_s, np.full(n, 0.003)],
            np.r_[old.thinking_s, thinking],
            np.r_[old.clock_s, clock + np.cumsum(thinking + 0.003)],
            np.r_[old.guided, np.full(n, choice.method == "model")],
        )
        metrics = np.column_stack([x[:, 0] + 0.1, 1.0 - x[:, 0] + x[:, 1]])
        history = History(
            np.vstack([history.x, x]), np.vstack([history.metrics, metrics]), NAMES,
            np.zeros(len(history.x) + n, bool), np.empty((0, 3)), len(history.x) + n, None, timing,
        )  # fmt: skip
    thinking_s = history.timing.thinking_s.sum()
    assert 0.08 * 60 < thinking_s < 0.5 * 60
    assert len(history.x) > 5000


def test_thinking_is_cheap_for_longer_with_few_objectives() -> None:
    """Five simulations' time: worth it for a front of two, not for one of four."""
    few, seconds = history_of(40, 0.1, 0.5), Budget(None, 1e5)
    assert "thinking is cheap" in Auto().choose(replace(TASK, budget=seconds), few).reason
    names = ("f", "g", "h", "i")
    task = replace(TASK, goals=tuple(Goal(n, False, "linear") for n in names), budget=seconds)
    metrics = np.hstack([few.metrics, 2.0 - few.metrics])
    many = replace(few, metrics=metrics, metric_names=names)
    assert "of the clock to the model" in Auto().choose(task, many).reason
    slow = history_of(40, 0.2, 0.5)
    many = replace(slow, metrics=metrics, metric_names=names)
    assert "thinking is cheap" in Auto().choose(task, many).reason


def test_what_storing_takes_counts_as_the_simulation_s() -> None:
    task = within(None, 1e5)
    assert "of the clock to the model" in Auto().choose(task, history_of(40, 0.003, 0.5)).reason
    assert "cheap" in Auto().choose(task, history_of(40, 0.003, 0.5, overhead_s=0.5)).reason


def test_before_the_first_feasible_design_the_model_has_most_of_the_clock() -> None:
    task = replace(within(None, 1e3), constraints=(Constraint("g", maximum=-1.0),))
    history = history_of(40, 0.003, 0.5, guided_every=3)
    assert "75% of the clock to the model" in Auto().choose(task, history).reason


def test_a_long_history_is_thinned_for_the_model_and_no_design_is_repeated() -> None:
    history = history_of(400, 0.003, 0.5)
    points = Auto().ask(within(500), history, 2, seed=0)
    again = Auto().ask(within(500), history, 2, seed=0)
    assert np.array_equal(points, again)
    both = np.vstack([history.x, points])
    assert len(np.unique(np.round(both, 9), axis=0)) == 402
    short = replace(history, timing=None)
    assert np.array_equal(Auto().ask(within(500), short, 2, seed=0), points)


def test_a_short_history_is_answered_as_by_the_model_alone() -> None:
    history = history_of(15, 0.003, 0.5)
    assert np.array_equal(
        Auto().ask(within(35), history, 1, seed=3), Ehvi().ask(within(35), history, 1, seed=3)
    )


def test_a_simulation_hidden_behind_the_thinking_of_others_still_costs() -> None:
    """Four workers, 2.5 s a simulation, 1 s a thought: the clock shows thinking only."""
    n = 150
    alone = history_of(n, 2.5, 1.0)
    assert alone.timing is not None
    timing = replace(alone.timing, clock_s=np.cumsum(alone.timing.thinking_s) + 2.5)
    history = replace(alone, timing=timing, pending=np.full((3, 3), 0.5))
    choice = Auto().choose(within(None, 600), history)
    assert choice.method == "model"
    assert "simulation 620 ms" in choice.reason
    assert "thinking is cheap" in choice.reason


def test_trials_of_an_earlier_study_tell_what_a_simulation_costs_and_took_no_time() -> None:
    """Their clock is 0: neither the seconds left nor the cost of a trial are mistaken by them."""
    history = history_of(60, 1.0, 2.0, overhead_s=2.0)
    timing = history.timing
    assert timing is not None
    clock = np.where(np.arange(60) < 40, 0.0, timing.clock_s - timing.clock_s[39])
    later = replace(history, timing=replace(timing, clock_s=clock))
    used = clock[-1]
    assert "no time to think" in Auto().choose(within(None, used + 4.9), later).reason
    assert "thinking is cheap" in Auto().choose(within(None, used + 5.1), later).reason
    fresh = replace(history, timing=replace(timing, clock_s=np.zeros(60)))
    choice = Auto().choose(within(None, 600), fresh)
    assert "simulation 1 s" in choice.reason
