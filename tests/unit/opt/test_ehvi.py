"""What the main method must do beyond its contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arena.analytic import CLOSED_FORMS
from arena.measures import hypervolume_trace
from arena.problems import ArenaProblem
from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt import Constraint, Goal, History, Optimizer, Task, make_optimizer
from spiceloop.opt.feasibility import FailureModel
from spiceloop.opt.model import fit_surrogate
from spiceloop.opt.pareto import hypervolume, losses

D = 4
SPACE = DesignSpace(tuple(Variable(f"x{i}", 0.0, 1.0) for i in range(D)))
NAMES = ("speed", "power", "margin")
GOALS = (Goal("speed", True), Goal("power", False))
NAMES_RC = ("speed", "delay", "power")


def measure(x: np.ndarray) -> np.ndarray:
    """A trade-off along x0; every other variable has one good value."""
    off = ((x[:, 1:] - [0.7, 0.3, 0.55]) ** 2).sum(axis=1)
    speed = np.exp(3 * x[:, 0] - 15 * off)
    power = np.exp(3 * x[:, 0] ** 2 + 10 * off)
    margin = 0.55 - np.abs(x[:, 1] - 0.7) - np.abs(x[:, 2] - 0.3)
    return np.column_stack([speed, power, margin])


def optimize(
    optimizer: Optimizer, task: Task, trials: int, seed: int, fails: object = None, batch: int = 1
) -> History:
    x, metrics, failed = np.empty((0, D)), np.empty((0, 3)), np.empty(0, dtype=bool)
    while len(x) < trials:
        history = History(x, metrics, NAMES, failed, np.empty((0, D)), len(x))
        new = optimizer.ask(task, history, batch, seed)
        bad = fails(new) if callable(fails) else np.zeros(len(new), dtype=bool)
        values = measure(new)
        values[bad] = np.nan
        x, metrics = np.vstack([x, new]), np.vstack([metrics, values])
        failed = np.concatenate([failed, bad])
    return History(x, metrics, NAMES, failed, np.empty((0, D)), len(x))


def final_volume(history: History) -> float:
    return hypervolume(losses(Task(SPACE, GOALS), history.metrics, NAMES), np.array([1.0, 4.0]))


def test_it_beats_sobol_by_far() -> None:
    task = Task(SPACE, GOALS, n_initial=6)
    guided, blind = (
        [final_volume(optimize(make_optimizer(n), task, 24, seed)) for seed in (0, 1, 2)]
        for n in ("ehvi", "sobol")
    )
    assert min(guided) > 1.3 * max(blind)
    # The whole front is worth 13: nearly all of it is found, so the front did widen.
    assert np.median(guided) > 11


def test_batches_spread_and_still_beat_sobol() -> None:
    task = Task(SPACE, GOALS, n_initial=6)
    history = optimize(make_optimizer(), task, 26, 0, batch=4)
    blind = final_volume(optimize(make_optimizer("sobol"), task, 26, 0))
    assert final_volume(history) > 1.2 * blind
    last = history.x[-4:]
    distances = np.linalg.norm(last[:, None] - last[None], axis=-1) + np.eye(4)
    assert distances.min() > 1e-3


def test_a_pending_design_moves_the_next_proposal() -> None:
    task = Task(SPACE, GOALS, n_initial=6)
    history = optimize(make_optimizer(), task, 10, 0)
    first = make_optimizer().ask(task, history, 1, seed=0)
    busy = History(history.x, history.metrics, NAMES, history.failed, first, history.n_asked + 1)
    second = make_optimizer().ask(task, busy, 1, seed=0)
    assert np.abs(second - first).max() > 0.02


def test_the_first_feasible_design_is_found_and_then_improved() -> None:
    task = Task(SPACE, GOALS, (Constraint("margin", minimum=0.4),), n_initial=6)
    history = optimize(make_optimizer(), task, 25, 0)
    met = history.metrics[:, 2] >= 0.4
    assert not met[:6].any()  # the initial trials alone do not find it
    assert met[6:].sum() >= 10


def test_a_failing_half_space_is_left_alone() -> None:
    """The complaint: failed simulations teach nothing, and the optimizer keeps going there."""
    # The fastest designs are those with x0 > 0.5, and exactly these fail.
    task = Task(SPACE, GOALS, n_initial=8)
    history = optimize(make_optimizer(), task, 14, 0, fails=lambda x: x[:, 0] > 0.5)
    assert history.failed[:8].any()
    guided = history.failed[8:]
    assert guided.mean() < 0.4
    # It learns: fewer late than a blind search would have.
    assert guided[-5:].sum() <= 2


def test_goals_that_pull_into_the_failing_region_do_not_win() -> None:
    """An RC low-pass that gets better towards R = 100 but cannot be simulated below 200."""
    space = DesignSpace((Variable("R", 100.0, 1e4, True), Variable("C", 1e-10, 1e-8, True)))
    goals = (Goal("speed", True, "log"), Goal("delay", False, "log"), Goal("power", True, "log"))
    task = Task(space, goals, n_initial=8)
    guided = []
    for seed in range(3):
        x, metrics = np.empty((0, 2)), np.empty((0, 3))
        for asked in range(24):
            failed = np.isnan(metrics[:, 0]) if asked else np.empty(0, dtype=bool)
            history = History(x, metrics, NAMES_RC, failed, np.empty((0, 2)), asked)
            point = make_optimizer().ask(task, history, 1, seed)
            r, c = space.from_unit(point[0]).values()
            fails = r < 200 or r > 4500
            row = [np.nan] * 3 if fails else [1 / (r * c), r * c, c]
            x, metrics = np.vstack([x, point]), np.vstack([metrics, row])
        guided.append(np.isnan(metrics[8:, 0]).mean())
    # The best designs lie at the very edge, so some failures are the price of finding it.
    assert np.mean(guided) < 0.4


def test_failure_model_learns_a_half_space() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((40, D))
    model = FailureModel(torch.as_tensor(x), torch.as_tensor(x[:, 0] + 0.3 * x[:, 1] > 0.7))
    fresh = rng.random((200, D))
    fails = fresh[:, 0] + 0.3 * fresh[:, 1] > 0.7
    says = model.log_probability(torch.as_tensor(fresh)).exp().numpy() < 0.5
    assert (says == fails).mean() > 0.85


def test_predictions_match_botorch() -> None:
    """The predictive equations written out in `Surrogate`, against BoTorch's own posterior."""
    from botorch.models import SingleTaskGP
    from gpytorch.kernels import MaternKernel

    rng = np.random.default_rng(0)
    x = torch.as_tensor(rng.random((15, 3)))
    y = torch.as_tensor(rng.normal(size=(15, 2)))
    ours = fit_surrogate(x, y)
    kernel = MaternKernel(nu=2.5, ard_num_dims=3, batch_shape=torch.Size([2])).double()
    kernel.lengthscale = ours.scales[:, None]
    theirs = SingleTaskGP(
        x,
        y,
        torch.full_like(y, float(ours.noise[0])),
        covar_module=kernel,
        outcome_transform=None,
    )
    theirs.mean_module.constant.data = ours.mean.reshape_as(theirs.mean_module.constant)
    theirs.eval()
    fresh = torch.as_tensor(rng.random((6, 3)))
    mean, sd = ours.predict(fresh)
    posterior = theirs.posterior(fresh)
    assert torch.allclose(mean, posterior.mean, atol=1e-6)
    assert torch.allclose(sd.square(), posterior.variance, atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_improvements_next_to_the_front_are_found_in_a_corner(seed: int) -> None:
    """Seven of eight variables are zero along the front, and designs deep within the bound bad.

    When new designs were looked for near those only, 40 trials ended with 0.09 to 0.35.
    """
    problem, function = ArenaProblem.load("czdt1"), CLOSED_FORMS["czdt1"]
    space, names = problem.task.space, tuple(problem.metric_names)
    x, rows = np.empty((0, len(space))), np.empty((0, len(names)))
    while len(x) < 40:
        none = np.empty((0, len(space)))
        history = History(x, rows, names, np.zeros(len(x), bool), none, len(x))
        new = make_optimizer("ehvi").ask(problem.task, history, 1 if len(x) else 10, seed)
        found = [function.evaluate(space.from_unit(row)) for row in new]
        x = np.vstack([x, new])
        rows = np.vstack([rows, [[row[name] for name in names] for row in found]])
    trace = hypervolume_trace(problem.losses(rows), problem.feasible(rows))
    assert trace[-1] > 0.5
