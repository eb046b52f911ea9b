"""A study with several workers: processes that evaluate, die, are missing something, or fork."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from spiceloop.errors import SetupError
from spiceloop.opt import Budget, make_optimizer
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.crew import LocalCrew
from spiceloop.study.evaluator_process import EvaluatorProcess
from spiceloop.study.events import TrialStarted
from spiceloop.study.loop import Ending, run_study
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import TrialState
from spiceloop.study.workshop import Workshop

pytestmark = pytest.mark.ngspice

FUNCTION = """
import os
from pathlib import Path

def more(waves):
    current = float(max(abs(waves.plot("tran")["i(vs)"])))
    with Path(__file__).with_name("pids").open("a") as file:
        print(os.getpid(), file=file)
    if {deadly}:
        os._exit(3)
    return {{"more": current}}
"""


def bench_with(folder: Path, deadly: str = "False") -> Bench:
    (folder / "mine.py").write_text(FUNCTION.format(deadly=deadly))
    file = folder / "problem.yaml"
    text = file.read_text().replace("timeout: 20", "timeout: 20\n    functions: ['mine.py:more']")
    file.write_text(text + "  more: {goal: minimize}\n")
    return Bench.load(load_problem(file))


def run(bench: Bench, url: str, trials: int, workers: int, **options):
    study = Study.create(bench, url, Settings(), name=f"of {workers}")
    budget = Budget(trials)
    options = {"initial": trials, "seed": 1, **options}
    ending = run_study(study, make_optimizer("sobol"), budget=budget, workers=workers, **options)
    return ending, Study.open(url, f"of {workers}", bench=bench).trials


def result(trial):
    return trial.number, dict(trial.design), dict(trial.metrics), trial.state, trial.failure


def pids_of(folder: Path) -> set[int]:
    return set(map(int, (folder / "pids").read_text().split()))


def test_two_workers_are_two_processes_and_give_what_one_gives_here(folder, url):
    bench = bench_with(folder)
    _, one = run(bench, url, 12, 1)
    assert pids_of(folder) == {os.getpid()}
    (folder / "pids").unlink()
    ending, two = run(bench, url, 12, 2)
    assert ending is Ending.BUDGET
    assert [*map(result, two)] == [*map(result, one)]
    assert all(t.state is TrialState.DONE and t.simulation_s > 0 for t in two)
    clocks = [t.clock_s for t in two]
    assert all(0 < clock < 60 for clock in clocks)
    assert len(pids_of(folder)) == 2
    assert os.getpid() not in pids_of(folder)


def test_a_design_that_kills_its_process_is_a_failed_trial_and_the_others_go_on(folder, url):
    _, trials = run(bench_with(folder, "current > 5e-4"), url, 10, 2)
    failed = [t for t in trials if t.state is TrialState.FAILED]
    assert failed
    assert all(1 / t.design["r"] > 4.9e-4 for t in failed)
    assert {t.failure.kind for t in failed} == {"crash"}
    assert "exit status 3; look at the problem's Python functions" in failed[0].failure.message
    assert all(t.simulation_s > 0 for t in failed)
    done = [t for t in trials if t.state is TrialState.DONE]
    assert len(done) + len(failed) == 11
    assert all(1 / t.design["r"] < 5.1e-4 for t in done)


def test_a_missing_simulator_ends_the_run_and_leaves_its_trials_running(folder, url, monkeypatch):
    bench = bench_with(folder)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="ngspice is not on PATH"):
        run(bench, url, 4, 2, simulator="ngspice-batch")
    trials = Study.open(url, "of 2", bench=bench).trials
    assert {t.state for t in trials} == {TrialState.RUNNING}


def test_ctrl_c_leaves_running_trials_and_no_process(folder, url):
    endless = "\nv9 z 0 sin(0 1 1meg)\n.control\ntran 1n 1000\n.endc\n.end\n"
    deck = folder / "rc.spice"
    deck.write_text(deck.read_text().replace("\n.end\n", endless))
    crews: list[LocalCrew] = []
    pids: list[int] = []

    def crew(study):
        crews.append(LocalCrew(study))
        return crews[0]

    def press(event):
        if isinstance(event, TrialStarted) and event.trial.number == 1:
            time.sleep(1.5)
            pids.extend(w.pid for w in crews[0].shop.workers)
            os.kill(os.getpid(), signal.SIGINT)

    began = time.monotonic()
    bench = Bench.load(load_problem(folder / "problem.yaml"))
    ending, trials = run(bench, url, 4, 2, on_event=press, crew=crew)
    assert ending is Ending.INTERRUPTED
    assert time.monotonic() - began < 15
    assert {t.state for t in trials} == {TrialState.RUNNING}
    assert len(set(pids)) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_simulator_that_is_made_here_stays_here(bench, url, forced):
    _, trials = run(bench, url, 4, 3, simulator=forced)
    assert all(t.state is TrialState.DONE for t in trials)


def test_a_function_that_only_this_process_has_is_evaluated_here(folder, url, monkeypatch):
    import __main__

    def more(waves):
        return {"more": float(os.getpid())}

    monkeypatch.setattr(__main__, "more", more, raising=False)
    file = folder / "problem.yaml"
    text = file.read_text().replace("timeout: 20", "timeout: 20\n    functions: ['__main__:more']")
    file.write_text(text + "  more: {goal: minimize}\n")
    _, trials = run(Bench.load(load_problem(file)), url, 4, 2)
    assert {t.metrics["more"] for t in trials} == {os.getpid()}


def test_one_worker_has_no_process(bench, url):
    crew = LocalCrew(Study.create(bench, url, Settings()))
    for workers, processes in ((None, 0), (2, 2)):
        crew.hire(workers, "ngspice-lib")
        assert sum(isinstance(w, EvaluatorProcess) for w in crew.shop.workers) == processes
        crew.dismiss()
        crew.shop.workers.clear()


def test_a_piece_that_no_thread_has_taken_up_does_not_hold_up_the_end(bench, forced):
    shop = Workshop(lambda evaluator: time.sleep(0.3))
    shop.hire(bench, 1, forced)
    shop.start("one")
    shop.start("another")  # still in the pool's queue, as under load the first may be
    ending = threading.Thread(target=shop.dismiss, daemon=True)
    ending.start()
    ending.join(20)
    assert not ending.is_alive()
