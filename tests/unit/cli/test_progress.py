"""What the progress display counts and says, from trials made by hand."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from spiceloop.cli.progress import Progress
from spiceloop.cli.scoreboard import Scoreboard
from spiceloop.opt.base import Budget
from spiceloop.spec.problem import Problem
from spiceloop.study.events import ClusterChanged, Thinking, TrialFinished, TrialStarted
from spiceloop.study.trial import Failure, Origin, Trial, TrialState

PROBLEM = Problem.model_validate(
    {
        "name": "amplifier",
        "testbenches": {"main": {"deck": "x.spice"}},
        "parameters": {"w": {"minimum": 1e-6, "maximum": 1e-4, "start": 1e-5, "unit": "m"}},
        "metrics": {
            "gain": {"goal": "maximize", "unit": "dB", "minimum": 20},
            "power": {"goal": "minimize", "unit": "W"},
        },
    }
)


def done(number: int, gain: float, power: float, origin: Origin = Origin.MODEL) -> Trial:
    metrics = {"gain": gain, "power": power}
    return Trial(
        number, TrialState.DONE, origin, {"w": 1e-5}, metrics, PROBLEM.violations(metrics),
        simulation_s=0.5, thinking_s=0.25,
    )  # fmt: skip


def failed(number: int, kind: str = "timeout") -> Trial:
    return Trial(
        number, TrialState.FAILED, Origin.INITIAL, {"w": 1e-5}, failure=Failure(kind, "no answer")
    )


@pytest.fixture
def board() -> Scoreboard:
    board = Scoreboard(PROBLEM, PROBLEM.task(2), Budget(5))
    board.add(done(0, 30.0, 1e-3, Origin.START))
    return board


def test_start_is_outside_the_budget(board: Scoreboard) -> None:
    assert board.ended == 0
    assert board.start is not None
    board.add(done(1, 40.0, 2e-3))
    assert (board.ended, board.feasible) == (1, 1)


def test_best_is_among_designs_that_meet_every_spec(board: Scoreboard) -> None:
    board.add(done(1, 10.0, 1e-6))  # the least power, but too little gain
    board.add(done(2, 40.0, 5e-4))
    best = board.best("power")
    assert best is not None
    assert best.number == 2
    assert board.spec_text() == "1 of 2 meet every spec"


def test_best_while_nothing_meets_the_specs() -> None:
    board = Scoreboard(PROBLEM, PROBLEM.task(2), Budget(5))
    assert board.best("power") is None
    board.add(done(1, 10.0, 1e-6))
    board.add(done(2, 15.0, 1e-5))
    best = board.best("gain")
    assert best is not None
    assert best.number == 2
    assert board.hypervolume() == 0.0


def test_hypervolume_grows_with_a_better_design_only(board: Scoreboard) -> None:
    first = board.hypervolume()
    board.add(done(1, 25.0, 2e-3))  # dominated by the start
    assert board.hypervolume() == pytest.approx(first)
    board.add(done(2, 50.0, 1e-4))
    assert board.hypervolume() > first


def test_failures_and_seconds(board: Scoreboard) -> None:
    board.add(failed(1))
    board.add(failed(2, "crash"))
    board.add(failed(3))
    assert board.failures == {"timeout": 2, "crash": 1}
    assert board.ended == 3
    assert board.simulation_s == pytest.approx(0.5)
    assert board.start_failure is None


def test_a_resumed_trial_is_counted_once(board: Scoreboard) -> None:
    board.add(Trial(1, TrialState.RUNNING, Origin.INITIAL, {"w": 1e-5}))
    assert board.ended == 0
    board.add(failed(1))
    board.add(done(1, 40.0, 1e-3))
    assert (board.ended, board.failures) == (1, {})


def test_lines_where_there_is_no_terminal(
    board: Scoreboard, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(board) as progress:
        progress.on_event(Thinking(1, 0))
        progress.on_event(TrialStarted(Trial(1, TrialState.RUNNING, Origin.MODEL, {"w": 1e-5})))
        progress.on_event(TrialFinished(done(1, 10.0, 1e-4)))
        progress.on_event(TrialFinished(failed(2)))
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("[1/5] trial 1 model: gain 10 dB  power 100 µW  misses gain")
    assert "hypervolume" in first
    assert second == "[2/5] trial 2 initial: failed, timeout: no answer"


def test_drawing_shows_all_that_was_promised(board: Scoreboard) -> None:
    progress = Progress(board)
    progress.on_event(TrialFinished(done(1, 45.0, 5e-4)))
    progress.on_event(TrialFinished(failed(2)))
    progress.on_event(
        TrialStarted(Trial(3, TrialState.RUNNING, Origin.MODEL, {"w": 1e-5}), again=True)
    )
    page = io.StringIO()
    Console(file=page, width=120).print(progress.drawing())
    text = page.getvalue()
    for word in (
        "amplifier", "2/5", "simulating trial 3 (model, again)", "↑ gain", "↓ power", "30 dB",
        "45 dB", "+15 dB", "500 µW", "×0.5", "hypervolume", "1 of 2 meet every spec",
        "failed: 1 timeout", "thinking 0 s, simulating 1 s", "last failure: trial 2: timeout",
    ):  # fmt: skip
        assert word in text


def test_a_failed_trial_is_told_with_the_line_of_ngspice(board: Scoreboard) -> None:
    trial = Trial(
        1, TrialState.FAILED, Origin.INITIAL, {"w": 1e-5},
        failure=Failure("deck", "undefined parameter", "Undefined parameter [bw]"),
    )  # fmt: skip
    board.add(trial)
    progress = Progress(board)
    assert progress._line(trial).endswith(
        "failed, deck: undefined parameter (ngspice said: Undefined parameter [bw])"
    )


def test_a_cluster_is_shown_as_workers_join_and_leave(capsys: pytest.CaptureFixture[str]) -> None:
    board = Scoreboard(PROBLEM, PROBLEM.task(2), Budget(3))
    progress = Progress(board)
    progress.on_event(ClusterChanged(2, 2))
    for number in range(2):
        progress.on_event(TrialStarted(Trial(number, TrialState.RUNNING, Origin.INITIAL, {})))
    progress.on_event(ClusterChanged(1, 1, "not used: worker tcp://10.0.0.2:1: no ngspice"))
    assert capsys.readouterr().err.splitlines() == [
        "cluster: 2 workers, 2 threads",
        "cluster: 1 worker, 1 thread; not used: worker tcp://10.0.0.2:1: no ngspice",
    ]
    console = Console(width=120, file=io.StringIO())
    console.print(progress.drawing())
    assert "cluster: 1 worker, 1 thread" in console.file.getvalue()
    assert "2 simulations in flight" in console.file.getvalue()


def test_a_hypervolume_that_changes_its_scale_says_so(
    board: Scoreboard, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(board)
    progress.on_event(TrialFinished(done(1, 40.0, 5e-4)))
    progress.on_event(TrialFinished(done(2, 40.0, -1e-6)))
    progress.on_event(TrialFinished(done(3, 40.0, -2e-6)))
    said = capsys.readouterr().err
    assert said.count("hypervolume: counted anew; power took a value ≤ 0") == 1
