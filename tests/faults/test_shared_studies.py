"""Several processes on one study, in a journal file and on a PostgreSQL server."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from spiceloop.errors import StorageError
from spiceloop.opt import make_optimizer
from spiceloop.opt.base import Budget
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study import owner
from spiceloop.study.loop import Ending, run_study
from spiceloop.study.storage import open_storage
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Origin, TrialState

pytestmark = pytest.mark.ngspice

DRIVER = Path(__file__).with_name("shared_driver.py")
PROBLEM = Path(__file__).parents[1] / "data" / "rc_study" / "problem.yaml"
A = {"r": 2e3, "c": 1e-9}
METRICS = {"f3db": 79577.47154594767, "ipeak": 5e-4, "rise": 4.4e-6}


@pytest.fixture
def bench() -> Bench:
    return Bench.load(load_problem(PROBLEM))


@pytest.fixture(params=["journal", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_server").new_database()
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    return f"journal:///{tmp_path / 'study.log'}"


class Team:
    """Processes that run one study; `go` lets them all begin at once."""

    def __init__(self, url: str, trials: int, log: Path, n: int, hold_s: float = 0.0) -> None:
        self.log = log
        words = [sys.executable, str(DRIVER), url, str(trials), "1", str(log)]
        self.processes = [
            subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "HOLD_S": str(hold_s)},
            )
            for _ in range(n)
        ]

    def go(self) -> None:
        for process in self.processes:
            assert process.stdout.readline() == "ready\n", process.communicate()
        for process in self.processes:
            process.stdin.write("go\n")
            process.stdin.flush()

    def ends(self) -> list[str]:
        said = []
        for process in self.processes:
            out, err = process.communicate(timeout=200)
            said.append(out.strip() or err)
        return said

    def evaluated(self) -> Counter[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(line.rpartition(" ")[0] for line in lines)

    def by_whom(self) -> set[str]:
        return {line.rpartition(" ")[2] for line in self.log.read_text().splitlines()}


def expected_designs(bench: Bench, tmp_path: Path, trials: int) -> list[dict[str, float]]:
    """What one process would have asked for: Sobol points depend on nothing but their number."""
    study = Study.create(bench, f"sqlite:///{tmp_path / 'alone.db'}", Settings())
    run_study(study, make_optimizer("sobol"), budget=Budget(trials), initial=trials, seed=3)
    return [dict(t.design) for t in study.trials]


@pytest.mark.parametrize("url", ["journal", "postgresql", "sqlite"], indirect=True)
def test_of_several_that_make_a_study_at_the_same_moment_one_does(bench, url):
    """Between the steps of its making a study looks like one whose making was killed."""
    n = 3
    fork = multiprocessing.get_context("fork")
    open_storage(url).get_all_studies()  # makes the tables
    for name in map(str, range(8)):
        barrier, said = fork.Barrier(n), fork.SimpleQueue()

        def make(name=name, barrier=barrier, said=said) -> None:
            barrier.wait()
            try:
                Study.create(bench, url, Settings(), name=name)
                said.put("made")
            except BaseException as error:
                said.put(f"{type(error).__name__}: {error}")

        processes = [fork.Process(target=make) for _ in range(n)]
        for process in processes:
            process.start()
        answers = sorted(said.get() for _ in processes)
        for process in processes:
            process.join()
        assert answers[-1] == "made", answers
        assert all(a.startswith(f"StudyError: there is a study {name!r}") for a in answers[:-1])
        assert Study.open(url, name).settings == Settings()


def test_three_processes_share_a_budget_exactly(bench, url, tmp_path):
    Study.create(bench, url, Settings())
    team = Team(url, 30, tmp_path / "log", 3, hold_s=0.05)
    team.go()
    assert team.ends() == 3 * ["budget"]
    trials = Study.open(url, bench=bench).trials
    assert [t.number for t in trials] == list(range(31))  # the start besides the budget
    assert all(t.state is TrialState.DONE for t in trials)
    assert set(team.evaluated().values()) == {1}, "a design was simulated twice"
    assert len(team.evaluated()) == 31
    assert len(team.by_whom()) == 3
    # Each knew what the others had begun, or they would have asked for the same points.
    assert [dict(t.design) for t in trials] == expected_designs(bench, tmp_path, 30)


def test_the_trial_of_a_killed_process_is_finished_by_the_others(bench, url, tmp_path):
    Study.create(bench, url, Settings())
    team = Team(url, 8, tmp_path / "log", 2, hold_s=1.0)
    team.go()
    victim, other = team.processes
    while str(victim.pid) not in (team.log.read_text() if team.log.exists() else ""):
        time.sleep(0.02)
    victim.kill()
    assert other.communicate(timeout=200)[0] == "budget\n"
    victim.communicate()
    trials = Study.open(url, bench=bench).trials
    assert [t.number for t in trials] == list(range(9))
    assert all(t.state is TrialState.DONE for t in trials)
    counts = team.evaluated()
    assert len(counts) == 9
    # At most what the victim was doing was done again, and nothing else.
    assert sum(counts.values()) <= 10


def two_runs(bench: Bench, url: str) -> tuple[Study, Study]:
    studies = Study.create(bench, url, Settings()), Study.open(url, bench=bench)
    for study in studies:
        study.claim()
    return studies


def test_a_trial_is_begun_only_by_who_knows_all_before_it(bench, url):
    one, two = two_runs(bench, url)
    before = two.n_begun
    assert one.begin_next(0, [A], Origin.START)[0].number == 0
    assert two.begin_next(before, [A], Origin.START) is None
    two.reload()
    assert [dict(d) for d in (t.design for t in two.trials)] == [A]
    assert two.history().pending.shape == (1, 2)
    assert two.begin_next(two.n_begun, [{**A, "r": 3e3}], Origin.INITIAL)[0].number == 1


def test_what_another_process_finished_is_told_once(bench, url):
    one, two = two_runs(bench, url)
    one.begin(A, Origin.START)
    assert two.reload() == []
    one.finish(0, METRICS, simulation_s=1.0)
    assert [t.number for t in two.reload()] == [0]
    assert two.reload() == []
    assert dict(two.trials[0].metrics) == METRICS


def test_a_living_owner_keeps_its_trial_and_a_released_one_is_anybodys(bench, url):
    one, two = two_runs(bench, url)
    one.begin(A, Origin.START)
    two.reload()
    assert two.take_left() is None
    assert two.has_others
    one.release()
    two.reload()
    assert two.take_left().number == 0
    assert two.take_left() is None  # ours now


def test_a_silent_owner_on_another_host_loses_its_trial_and_its_late_result(
    bench, url, monkeypatch
):
    one, two = two_runs(bench, url)
    one._mark = {**one._mark, "host": "elsewhere", "place": "elsewhere"}
    one.begin(A, Origin.START)
    now = [0.0]
    two._watch = owner.Watch(lambda: now[0])
    two.reload()
    assert two.take_left() is None  # seen for the first time
    now[0] += owner.SILENCE_S - 1
    one.beat()
    two.reload()
    assert two.take_left() is None  # it has beaten
    now[0] += owner.SILENCE_S - 1
    two.reload()
    assert two.take_left() is None
    now[0] += 2
    assert two.take_left().number == 0
    one.beat()  # it wakes up: no longer its trial
    assert one.finish(0, {**METRICS, "f3db": 1.0}, simulation_s=1.0) is None
    assert two.finish(0, METRICS, simulation_s=1.0).state is TrialState.DONE
    assert dict(Study.open(url, bench=bench).trials[0].metrics) == METRICS


def test_only_one_takes_over(bench, url):
    one, two = two_runs(bench, url)
    three = Study.open(url, bench=bench)
    three.claim()
    one.begin(A, Origin.START)
    for other in (two, three):
        other.reload()
    owner.forget(one._mark)  # it died
    taken = [other.take_left() for other in (two, three)]
    assert [t and t.number for t in taken] == [0, None]


def test_a_run_waits_for_the_others_and_takes_over_what_they_leave(bench, url):
    one, two = two_runs(bench, url)
    one.begin(dict(bench.problem.start), Origin.START)
    two.release()
    seen = []

    def watch(event: object) -> None:
        seen.append(event)
        if len(seen) == 5:
            owner.forget(one._mark)

    ending = run_study(
        two, make_optimizer("sobol"), budget=Budget(3), initial=3, seed=3, on_event=watch
    )
    assert ending is Ending.BUDGET
    assert [t.state for t in two.trials] == 4 * [TrialState.DONE]
    assert any(getattr(e, "again", False) for e in seen)


def test_a_server_that_is_restarted_ends_the_run_and_loses_nothing(
    bench, postgres_server, tmp_path
):
    url = postgres_server.new_database()
    Study.create(bench, url, Settings())
    team = Team(url, 12, tmp_path / "log", 1, hold_s=0.3)
    team.go()
    while sum(team.evaluated().values()) < 4:
        time.sleep(0.05)
    postgres_server.stop()
    try:
        (said,) = team.ends()
    finally:
        postgres_server.start()
    assert StorageError.__name__ in said
    assert "check that the storage can be reached, then `spiceloop resume`" in said
    study = Study.open(url, bench=bench)
    kept = [t for t in study.trials if t.state is TrialState.DONE]
    assert len(kept) >= 2
    ending = run_study(study, make_optimizer("sobol"), budget=Budget(12), initial=12, seed=3)
    assert ending is Ending.BUDGET
    assert study.trials[: len(kept)] == tuple(kept)
    assert [dict(t.design) for t in study.trials] == expected_designs(bench, tmp_path, 12)
