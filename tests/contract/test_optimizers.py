"""The contract of `spiceloop.opt.base.Optimizer`, for every implementation."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.errors import InputError
from spiceloop.opt import OPTIMIZERS, Constraint, Goal, History, Task, make_optimizer

SPACE = DesignSpace(
    (
        Variable("w", 0.42e-6, 20e-6, log=True, grid=5e-9),
        Variable("ib", 1e-6, 100e-6, log=True),
        Variable("v", 0.7, 1.6),
        Variable("fingers", 1, 8, grid=1),
    )
)
NAMES = ("gain", "power", "margin")
FREE = Task(SPACE, (Goal("gain", True), Goal("power", False)), n_initial=5)
BOUND = Task(
    SPACE,
    (Goal("gain", True), Goal("power", False)),
    (Constraint("margin", minimum=2.0), Constraint("power", maximum=3.0)),
    n_initial=5,
)


def measure(x: np.ndarray) -> np.ndarray:
    """Positive metrics of designs (n, 4), closed forms with a trade-off."""
    gain = np.exp(2 * x[:, 0] - (x[:, 1] - 0.4) ** 2 + 0.3 * np.sin(3 * x[:, 2]))
    power = np.exp(1.5 * x[:, 0] + x[:, 3] + 0.2 * x[:, 1])
    margin = 3.0 - 2.5 * (x[:, 2] - 0.3) ** 2 - x[:, 3]
    return np.column_stack([gain, power, margin])


def make_history(
    n: int, fails: tuple[int, ...] = (), pending: int = 0, **kwargs: object
) -> History:
    rng = np.random.default_rng(n)
    x = SPACE.snap_unit(rng.random((n, 4))) if n else np.empty((0, 4))
    metrics = measure(x) if n else np.empty((0, 3))
    failed = np.isin(np.arange(n), fails)
    metrics[failed] = np.nan
    waiting = SPACE.snap_unit(rng.random((pending, 4))) if pending else np.empty((0, 4))
    values = {"n_asked": n + pending, "start": None, **kwargs}
    return History(x, metrics, NAMES, failed, waiting, **values)  # type: ignore[arg-type]


def infeasible(history: History) -> History:
    metrics = history.metrics.copy()
    metrics[:, 2] = 1.0 - 0.1 * np.arange(len(metrics))
    return History(history.x, metrics, NAMES, history.failed, history.pending, history.n_asked)


def equal(history: History) -> History:
    metrics = np.full_like(history.metrics, 2.5)
    return History(history.x, metrics, NAMES, history.failed, history.pending, history.n_asked)


HISTORIES = {
    "empty": make_history(0),
    "initial": make_history(3),
    "one finished": make_history(1, n_asked=9),
    "one finished, many failed": make_history(7, fails=(0, 1, 2, 4, 5, 6)),
    "all failed": make_history(7, fails=tuple(range(7))),
    "started": make_history(8, start=0, n_asked=7),
    "start failed": make_history(8, fails=(0,), start=0, n_asked=7),
    "pending": make_history(8, fails=(3,), pending=3),
    "no feasible": infeasible(make_history(9)),
    "all equal": equal(make_history(9)),
    "repeated": History(
        np.repeat(SPACE.snap_unit(np.full((1, 4), 0.3)), 8, axis=0),
        np.repeat(measure(np.full((1, 4), 0.3)), 8, axis=0),
        NAMES,
        np.zeros(8, dtype=bool),
        np.empty((0, 4)),
        8,
    ),
}


def keys(points: np.ndarray) -> set[bytes]:
    return {np.round(p, 9).tobytes() for p in points}


@pytest.fixture(params=OPTIMIZERS, scope="module")
def optimizer(request: pytest.FixtureRequest) -> object:
    return make_optimizer(request.param)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
@pytest.mark.parametrize("task", [FREE, BOUND], ids=["free", "constrained"])
def test_any_history_gives_new_points_on_the_grid(optimizer, task: Task, history: History) -> None:
    points = optimizer.ask(task, history, 2, seed=1)
    assert points.shape == (2, 4)
    assert points.dtype == np.float64
    assert np.all((points >= -1e-12) & (points <= 1 + 1e-12))
    assert np.allclose(SPACE.snap_unit(points), points, atol=1e-12)
    for point in points:
        SPACE.check(SPACE.from_unit(point))
    known = keys(history.x) | keys(history.pending)
    assert len(keys(points)) == 2
    assert not keys(points) & known


def test_the_same_arguments_give_the_same_points(optimizer) -> None:
    history = HISTORIES["pending"]
    first = optimizer.ask(BOUND, history, 2, seed=3)
    np.random.seed(0)  # global generators play no part
    again = make_optimizer(optimizer.name).ask(BOUND, history, 2, seed=3)
    assert np.array_equal(first, again)


def test_the_seed_matters(optimizer) -> None:
    history = HISTORIES["initial"]
    one, two = (optimizer.ask(FREE, history, 1, seed=s) for s in (1, 2))
    assert not np.array_equal(one, two)


def test_asking_leaves_the_global_state_alone(optimizer) -> None:
    import torch

    history = HISTORIES["started"]
    np.random.seed(5)
    torch.manual_seed(5)
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()
    optimizer.ask(FREE, history, 1, seed=0)
    assert np.array_equal(before[0], np.random.get_state()[1])
    assert torch.equal(before[1], torch.get_rng_state())
    assert (threads, dtype) == (torch.get_num_threads(), torch.get_default_dtype())


def test_initial_points_are_one_sobol_sequence(optimizer) -> None:
    started = (make_history(1, start=0, n_asked=i) for i in range(FREE.n_initial))
    asked = [optimizer.ask(FREE, history, 1, seed=4)[0] for history in started]
    together = make_optimizer("sobol").ask(FREE, make_history(1, n_asked=0), FREE.n_initial, seed=4)
    assert np.array_equal(np.array(asked), together)


@pytest.mark.parametrize("name", ["ehvi", "auto"])
def test_where_nothing_is_known_the_centre_of_the_space_is_first(name: str) -> None:
    optimizer = make_optimizer(name)
    batch = optimizer.ask(FREE, make_history(0), FREE.n_initial, seed=4)
    design = SPACE.from_unit(batch[0])
    # Half-way on each variable's own scale, on the grid.
    assert design["w"] == pytest.approx(np.sqrt(0.42e-6 * 20e-6), abs=2.5e-9)
    assert design["ib"] == pytest.approx(10e-6)
    assert design["v"] == pytest.approx(1.15)
    assert design["fingers"] in (4, 5)
    assert np.array_equal(batch[:1], optimizer.ask(FREE, make_history(0), 1, seed=9))
    # It takes the place of the first of the sequence, and the batch's size plays no part.
    sobol = make_optimizer("sobol").ask(FREE, make_history(0), FREE.n_initial, seed=4)
    assert np.array_equal(batch[1:], sobol[1:])
    waiting = replace(make_history(0), pending=batch[:1], n_asked=1)
    assert np.array_equal(optimizer.ask(FREE, waiting, 1, seed=4)[0], batch[1])


@pytest.mark.parametrize("known", ["start under way", "start failed", "earlier trials"])
def test_the_centre_is_left_out_where_something_is_known(optimizer, known: str) -> None:
    history = {
        "start under way": make_history(0, pending=1, n_asked=0),
        "start failed": make_history(1, fails=(0,), start=0, n_asked=0),
        "earlier trials": make_history(3, n_asked=0),
    }[known]
    point = optimizer.ask(FREE, history, 1, seed=4)
    assert np.array_equal(point, make_optimizer("sobol").ask(FREE, history, 1, seed=4))


def test_a_batch_crosses_from_initial_to_guided(optimizer) -> None:
    history = make_history(3)
    points = optimizer.ask(FREE, history, 4, seed=0)
    sobol = make_optimizer("sobol").ask(FREE, history, 2, seed=0)
    assert np.array_equal(points[:2], sobol)
    assert len(keys(points)) == 4


def test_one_goal(optimizer) -> None:
    task = Task(SPACE, (Goal("gain", True),), n_initial=5)
    points = optimizer.ask(task, make_history(8), 2, seed=0)
    assert len(keys(points)) == 2


def test_a_used_up_grid_still_gives_points(optimizer) -> None:
    space = DesignSpace((Variable("a", 0, 2, grid=1), Variable("b", 0, 1, grid=1)))
    task = Task(space, (Goal("f", False), Goal("g", False)), n_initial=2)
    x = np.array([[a, b] for a in (0, 0.5, 1) for b in (0.0, 1.0)])
    metrics = np.column_stack([x.sum(axis=1), 2 - x[:, 0]])
    last = History(x[:5], metrics[:5], ("f", "g"), np.zeros(5, bool), np.empty((0, 2)), 5)
    assert np.array_equal(optimizer.ask(task, last, 1, seed=0), x[5:])
    full = History(x, metrics, ("f", "g"), np.zeros(6, bool), np.empty((0, 2)), 6)
    assert keys(optimizer.ask(task, full, 2, seed=0)) <= keys(x)


def test_another_process_gives_the_same_points() -> None:
    """Purity across processes, for the main method: no hash order, no clock, no thread count."""
    code = (
        "import numpy as np\n"
        "from spiceloop.circuit.design_space import DesignSpace, Variable\n"
        "from spiceloop.opt import Goal, History, Task, make_optimizer\n"
        "space = DesignSpace(tuple(Variable(f'v{i}', 0, 1) for i in range(4)))\n"
        "x = np.random.default_rng(0).random((9, 4))\n"
        "y = np.column_stack([x.sum(1), ((x - 0.5) ** 2).sum(1) + 0.1])\n"
        "h = History(x, y, ('a', 'b'), np.arange(9) == 3, np.empty((0, 4)), 9)\n"
        "t = Task(space, (Goal('a', True), Goal('b', False)), n_initial=5)\n"
        "print(make_optimizer().ask(t, h, 2, 7).tobytes().hex())\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 2 * 4 * 8 * 2


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown optimizer 'ehiv' \(did you mean 'ehvi'\?\)"):
        make_optimizer("ehiv")


def test_failing_ground_is_left(optimizer) -> None:
    """Half of the space fails, the better half; nobody goes on asking for it.

    The best design is next to the edge, so much of what is asked for still fails; one that does not
    learn of failures asks for nothing else.
    """
    space = DesignSpace(tuple(Variable(f"x{i}", 0.0, 1.0) for i in range(3)))
    task = Task(space, (Goal("f", False, "linear"),), (Constraint("g", minimum=-1.0),), 8)
    x = np.empty((0, 3))
    while len(x) < 40:
        failed = x[:, 0] < 0.5
        metrics = np.column_stack([x.sum(axis=1), x[:, 1]])
        metrics[failed] = np.nan
        history = History(x, metrics, ("f", "g"), failed, np.empty((0, 3)), len(x))
        x = np.vstack([x, optimizer.ask(task, history, 1, 0)])
    assert np.mean(x[20:, 0] < 0.5) < 0.9
