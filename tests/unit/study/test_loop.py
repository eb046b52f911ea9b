"""The loop, with a simulator whose failures are forced and whose circuit is closed form."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from spiceloop.errors import FailureKind, InputError, SetupError, SimulationError, StorageError
from spiceloop.opt import Budget, make_optimizer
from spiceloop.study.events import Chosen, Thinking, TrialFinished, TrialStarted
from spiceloop.study.loop import Ending, run_study
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Origin, TrialState


class Recorder:
    """Sobol points; remembers the histories that it was given."""

    name = "recorder"

    def __init__(self) -> None:
        self.histories = []
        self.sobol = make_optimizer("sobol")

    def ask(self, task, history, n, seed):
        self.histories.append((history, n, seed))
        return self.sobol.ask(task, history, n, seed)


@pytest.fixture
def run(bench, url, forced):
    def go(*, trials=6, seconds=None, fresh=True, name="s", optimizer=None, force=None, **options):
        study = (
            Study.create(bench, url, Settings(), name=name)
            if fresh
            else Study.open(url, name, bench=bench)
        )
        options = {"initial": 4, "seed": 1, "simulator": lambda: forced(force), **options}
        ending = run_study(
            study, optimizer or make_optimizer("sobol"), budget=Budget(trials, seconds), **options
        )
        kept = Study.open(url, name, bench=bench)
        assert kept.trials == study.trials
        return ending, kept.trials

    return go


def test_the_start_is_trial_0_outside_the_budget(run, problem):
    ending, trials = run(optimizer=Recorder())
    assert ending is Ending.BUDGET
    assert [t.number for t in trials] == list(range(7))
    assert [t.origin for t in trials] == [Origin.START, *4 * [Origin.INITIAL], *2 * [Origin.MODEL]]
    assert dict(trials[0].design) == problem.start
    assert all(t.state is TrialState.DONE for t in trials)
    for trial in trials:
        problem.space.check(dict(trial.design))


def test_the_centre_is_tried_where_there_is_no_start_and_never_beside_one(run, bench, url, forced):
    space = bench.problem.space
    centre = dict(space.from_unit(space.snap_unit(np.full(len(space), 0.5))[0]))
    _, started = run(optimizer=make_optimizer("ehvi"), workers=2, name="with")
    assert centre not in [dict(t.design) for t in started]
    for parameter in ("r", "c"):
        bench.problem.parameters[parameter] = bench.problem.parameters[parameter].model_copy(
            update={"start": None}
        )
    _, trials = run(optimizer=make_optimizer("ehvi"), workers=2, name="without")
    assert [dict(t.design) == centre for t in trials] == [True, *5 * [False]]
    assert trials[0].origin is Origin.INITIAL
    # The others are those of the sequence, whether there is a start or not.
    assert [t.design for t in trials[1:4]] == [t.design for t in started[2:5]]


def test_the_optimizer_is_told_everything_that_is_known(run):
    recorder = Recorder()
    run(optimizer=recorder, seed=11)
    assert [len(h.x) for h, _, _ in recorder.histories] == [1, 2, 3, 4, 5, 6]
    assert [h.n_asked for h, _, _ in recorder.histories] == [0, 1, 2, 3, 4, 5]
    assert {(n, s) for _, n, s in recorder.histories} == {(1, 11)}
    assert all(h.start == 0 and len(h.pending) == 0 for h, _, _ in recorder.histories)


def test_the_same_seed_gives_the_same_designs(run):
    designs = [
        [dict(t.design) for t in run(name=f"s{i}", seed=seed)[1]]
        for i, seed in enumerate((5, 5, 6))
    ]
    assert designs[0] == designs[1]
    assert designs[0] != designs[2]


def test_a_batch_is_asked_at_once_and_does_not_pass_the_initial_trials_or_the_budget(run):
    recorder = Recorder()
    _, trials = run(trials=9, initial=5, batch=3, optimizer=recorder)
    assert [n for _, n, _ in recorder.histories] == [3, 2, 3, 1]
    assert len({tuple(t.design.values()) for t in trials}) == 10


def test_events_tell_the_whole_story_from_one_thread(run):
    events, threads = [], set()

    def watch(event):
        events.append(event)
        threads.add(threading.current_thread())

    run(trials=2, on_event=watch)
    kinds = [type(e) for e in events]
    start = [TrialStarted, TrialFinished]
    assert kinds == [*start, Thinking, *start, Thinking, *start]
    assert threads == {threading.main_thread()}


def test_workers_simulate_side_by_side_and_the_optimizer_knows_what_runs(run):
    together = threading.Barrier(3, timeout=20)
    recorder = Recorder()

    def meet(run_number, found):
        if run_number == 1:  # each worker's first
            together.wait()

    _, trials = run(trials=8, workers=3, optimizer=recorder, force=meet)
    assert [len(h.pending) for h, _, _ in recorder.histories[:2]] == [1, 2]
    assert all(t.state is TrialState.DONE for t in trials)
    assert len({tuple(t.design.values()) for t in trials}) == 9


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_of_failure_is_a_failed_trial_and_the_run_goes_on(run, kind):
    count = iter(range(100))

    def force(_run, _found):
        if next(count) % 2:
            raise SimulationError(kind, "forced", line="said so", analysis="tran")

    ending, trials = run(trials=4, force=force)
    assert ending is Ending.BUDGET
    failed = [t for t in trials if t.state is TrialState.FAILED]
    assert [t.number for t in failed] == [1, 3]
    assert {t.failure.kind for t in failed} == {kind.value}
    assert {(t.failure.line, t.failure.deck) for t in failed} == {("said so", "step")}


def test_an_error_that_nobody_thought_of_is_a_failed_trial_too(run):
    def force(_run, _found):
        raise LookupError("what is this")

    ending, trials = run(trials=2, force=force)
    assert ending is Ending.BUDGET
    assert {t.failure.message for t in trials} == {"LookupError: what is this"}


def test_a_start_that_fails_does_not_stop_the_run(run):
    def force(run_number, _found):
        if run_number == 1:
            raise SimulationError(FailureKind.TIMEOUT, "late")

    recorder = Recorder()
    _, trials = run(trials=3, force=force, optimizer=recorder)
    assert trials[0].state is TrialState.FAILED
    assert np.isnan(recorder.histories[0][0].metrics).all()


def test_a_missing_simulator_ends_the_run(run, url, bench):
    def force(_run, _found):
        raise SetupError("ngspice is not installed")

    with pytest.raises(SetupError, match="not installed"):
        run(force=force)
    assert [t.state for t in Study.open(url, bench=bench).trials] == [TrialState.RUNNING]


def test_a_run_that_is_resumed_is_the_run_that_was_not_interrupted(run):
    _, whole = run(name="whole", trials=7, batch=2)
    calls = iter(range(100))
    stop_at = [0, 2, 5]

    def force(_run, _found):
        if next(calls) in stop_at:
            raise SetupError("stop here")

    for attempt in range(3):
        with pytest.raises(SetupError):
            run(name="cut", trials=7, batch=2, fresh=not attempt, force=force)
    ending, cut = run(name="cut", trials=7, batch=2, fresh=False, force=force)
    assert ending is Ending.BUDGET
    assert [(t.number, t.origin, dict(t.design), dict(t.metrics)) for t in cut] == [
        (t.number, t.origin, dict(t.design), dict(t.metrics)) for t in whole
    ]


def test_a_finished_study_can_be_given_more_trials(run):
    _, whole = run(name="whole", trials=6)
    run(name="more", trials=3)
    _, more = run(name="more", trials=6, fresh=False)
    assert [dict(t.design) for t in more] == [dict(t.design) for t in whole]
    assert run(name="more", trials=6, fresh=False)[1] == more


def test_ctrl_c_ends_at_once_and_leaves_a_study_to_resume(run, bench, url):
    made = []

    class Slow:
        """Waits to be closed, as a simulator that is killed does."""

        name = "slow"

        def __init__(self):
            self.gone = threading.Event()
            made.append(self)

        def version(self):
            return "1"

        def run(self, deck, *, measures=(), vectors=None, timeout=60.0):
            assert self.gone.wait(30)
            raise SimulationError(FailureKind.CRASH, "killed")

        def close(self):
            self.gone.set()

    def press(event):
        if isinstance(event, TrialStarted) and event.trial.number == 1:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    began = time.monotonic()
    ending, trials = run(workers=2, simulator=Slow, on_event=press)
    assert ending is Ending.INTERRUPTED
    assert time.monotonic() - began < 10
    assert all(s.gone.is_set() for s in made)
    assert [t.state for t in trials] == 2 * [TrialState.RUNNING]
    ending, trials = run(fresh=False)
    assert ending is Ending.BUDGET
    assert [t.state for t in trials] == 7 * [TrialState.DONE]


def test_seconds_end_a_run_and_what_earlier_runs_used_counts(run):
    slow = {"seconds": 1.0, "force": lambda *_: time.sleep(0.05), "initial": 1000}
    ending, trials = run(trials=6, **slow)
    assert ending is Ending.BUDGET
    assert len(trials) == 7
    used = max(t.clock_s for t in trials)
    assert 0.35 < used < 1.0
    time.sleep(1.0)  # a break is nobody's time
    ending, trials = run(trials=None, fresh=False, **slow)
    assert ending is Ending.BUDGET
    assert 7 < len(trials) < 22
    assert used < 1.0 <= max(t.clock_s for t in trials) + 0.3
    assert all(t.state is TrialState.DONE for t in trials)
    assert run(trials=None, fresh=False, **slow)[1] == trials


def test_auto_is_resumed_from_recorded_times(run, bench, url):
    """What it is told after a break is what it would have been told without one."""
    told = []
    ending, trials = run(
        trials=14, seconds=600, optimizer=make_optimizer("auto"), on_event=told.append
    )
    assert ending is Ending.BUDGET
    assert {t.origin for t in trials[5:]} <= {Origin.MODEL, Origin.POPULATION}
    assert all(t.reason for t in trials[1:])
    chosen = [e.choice.method for e in told if isinstance(e, Chosen)]
    assert chosen[0] == "initial"
    assert len(chosen) == 2 or len(set(chosen)) == 3
    clocks = [t.clock_s for t in trials]
    assert clocks == sorted(clocks)
    assert clocks[0] > 0
    one, two = (Study.open(url, "s", bench=bench).history() for _ in range(2))
    assert one.timing.clock_s.tolist() == two.timing.clock_s.tolist() == clocks
    assert one.timing.guided.tolist() == [t.origin is Origin.MODEL for t in trials]
    task = replace(bench.problem.task(4), budget=Budget(60, 600))
    auto = make_optimizer("auto")
    assert auto.choose(task, one) == auto.choose(task, two)
    assert np.array_equal(auto.ask(task, one, 2, 1), auto.ask(task, two, 2, 1))


def test_trials_of_a_batch_are_begun_in_groups_and_none_is_lost(run, bench, url):
    """Killed within a group: what was begun is simulated again, under the same number."""
    options = {"trials": 60, "initial": 4, "optimizer": make_optimizer("population")}
    groups = []
    _, whole = run(name="whole", on_event=groups.append, **options)
    started = [isinstance(e, TrialStarted) for e in groups]
    assert any(all(started[i : i + 3]) for i in range(len(started)))

    def kill(runs, _):
        if runs == 30:
            raise KeyboardInterrupt

    ending, _ = run(name="cut", force=kill, **options)
    assert ending is Ending.INTERRUPTED
    left = Study.open(url, "cut", bench=bench).trials
    assert any(t.state is TrialState.RUNNING for t in left)
    _, cut = run(name="cut", fresh=False, **options)
    assert all(t.state is TrialState.DONE for t in cut)
    assert [t.design for t in cut] == [t.design for t in whole]
    assert [t.thinking_s > 0 for t in cut] == [t.thinking_s > 0 for t in whole]


def test_a_converged_study_ends_and_stays_ended(run):
    options = {"trials": 4000, "initial": 10, "stop_when_converged": True}
    optimizer = make_optimizer("population")
    ending, trials = run(optimizer=optimizer, **options)
    assert ending is Ending.CONVERGED
    assert 41 <= len(trials) < 4000
    again, same = run(optimizer=optimizer, fresh=False, **options)
    assert again is Ending.CONVERGED
    assert same == trials
    half = {**options, "trials": len(trials) // 2}
    assert run(name="cut", optimizer=optimizer, **half)[0] is Ending.BUDGET
    ending, cut = run(name="cut", optimizer=optimizer, fresh=False, **options)
    assert ending is Ending.CONVERGED
    assert len(cut) >= 41


def test_a_result_that_cannot_be_written_ends_the_run_and_is_evaluated_again(
    run, bench, url, monkeypatch
):
    finish = Study.finish_all

    def full(self, ended):
        if any(each.number == 3 for each in ended):
            raise StorageError("the disk is full")
        return finish(self, ended)

    monkeypatch.setattr(Study, "finish_all", full)
    with pytest.raises(StorageError, match="full"):
        run()
    monkeypatch.undo()
    assert [t.state.value for t in Study.open(url, bench=bench).trials] == 3 * ["done"] + [
        "running"
    ]
    _, trials = run(fresh=False)
    assert [t.number for t in trials] == list(range(7))


@pytest.mark.parametrize("options", [{"trials": -1}, {"workers": 0}, {"batch": 0}, {"initial": -2}])
def test_numbers_that_make_no_sense(run, options):
    with pytest.raises(InputError, match="expected"):
        run(**options)
