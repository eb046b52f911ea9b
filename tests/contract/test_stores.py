"""The same suite on every storage that a study can live in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml

from spiceloop.errors import StorageError, StudyError
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.earlier import read_earlier
from spiceloop.study.fingerprint import fingerprint
from spiceloop.study.record import distributions, rebuild, running_frozen
from spiceloop.study.storage import open_storage
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Failure, Origin, TrialState
from spiceloop.study.writing import FINGERPRINT, begin_trials

DATA = Path(__file__).parents[1] / "data" / "rc_study"
A = {"r": 2e3, "c": 1e-9}
B = {"r": 1234.5678901234567, "c": 2.345e-9}
METRICS = {"f3db": 79577.47154594767, "ipeak": 5e-4, "rise": 4.4e-6}
BAD = {"f3db": 5e3, "ipeak": 1e-4, "rise": 15e-6}
FAILURE = Failure("no-convergence", "gave up", "timestep too small", "step", "tran")


@pytest.fixture
def bench() -> Bench:
    return Bench.load(load_problem(DATA / "problem.yaml"))


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_server").new_database()
    return f"{request.param}:///{tmp_path / 'study.db'}"


def fill(study: Study) -> None:
    """A start, one that violates, one that failed, one that still runs."""
    study.begin(A, Origin.START)
    study.finish(0, METRICS, simulation_s=0.5)
    study.begin(B, Origin.INITIAL, thinking_s=0.25)
    study.finish(1, BAD, simulation_s=0.125)
    study.begin({**A, "r": 300.0}, Origin.MODEL)
    study.finish(2, FAILURE, simulation_s=2.0)
    study.begin({**A, "r": 400.0}, Origin.MODEL)


def test_what_was_written_is_read_back_exactly(bench, url):
    study = Study.create(bench, url, Settings(seed=7, versions={"ngspice": "39"}))
    fill(study)
    again = Study.open(url, bench=bench)
    assert again.trials == study.trials
    assert again.settings == study.settings
    start, violating, failed, running = again.trials
    assert [t.number for t in again.trials] == [0, 1, 2, 3]
    assert dict(violating.design) == B
    assert dict(start.metrics) == METRICS
    assert start.feasible
    assert not violating.feasible
    assert violating.violations == {"rise": pytest.approx(0.5)}
    assert (violating.thinking_s, violating.simulation_s) == (0.25, 0.125)
    assert failed.state is TrialState.FAILED
    assert failed.failure == FAILURE
    assert not failed.metrics
    assert running.state is TrialState.RUNNING
    assert again.n_asked == 3


def test_history_is_in_trial_order_and_knows_what_runs(bench, url):
    study = Study.create(bench, url, Settings())
    fill(study)
    history = Study.open(url, bench=bench).history()
    space = bench.problem.space
    assert history.metric_names == ("f3db", "ipeak", "rise")
    np.testing.assert_array_equal(history.x[1], space.to_unit(B))
    np.testing.assert_array_equal(history.metrics[0], list(METRICS.values()))
    assert np.isnan(history.metrics[2]).all()
    assert history.failed.tolist() == [False, False, True]
    np.testing.assert_array_equal(history.pending, [space.to_unit({**A, "r": 400.0})])
    assert (history.n_asked, history.start) == (3, 0)


def test_an_empty_study_has_a_history_of_no_rows(bench, url):
    history = Study.create(bench, url, Settings()).history()
    assert history.x.shape == (0, 2)
    assert history.metrics.shape == (0, 3)
    assert history.pending.shape == (0, 2)
    assert (history.n_asked, history.start) == (0, None)


def test_optuna_sees_an_ordinary_study(bench, url):
    fill(Study.create(bench, url, Settings()))
    study = optuna.load_study(study_name="rc_study", storage=open_storage(url))
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert study.metric_names == ["f3db", "ipeak"]
    done, violating, failed, running = study.trials
    assert done.values == [METRICS["f3db"], METRICS["ipeak"]]
    assert done.distributions["r"] == optuna.distributions.FloatDistribution(200, 1e4, log=True)
    assert done.user_attrs["origin"] == "start"
    assert done.user_attrs["metrics"] == METRICS
    assert violating.user_attrs["violations"] == {"rise": pytest.approx(0.5)}
    assert violating.system_attrs["constraints"] == [pytest.approx(0.5)]
    assert done.system_attrs["constraints"][0] < 0
    assert failed.state is optuna.trial.TrialState.FAIL
    assert failed.user_attrs["failure"]["line"] == "timestep too small"
    assert running.state is optuna.trial.TrialState.RUNNING
    # Optuna keeps to feasible trials by itself.
    assert [t.number for t in study.best_trials] == [0]


def test_a_running_trial_of_a_killed_run_is_finished_in_place(bench, url):
    fill(Study.create(bench, url, Settings()))
    again = Study.open(url, bench=bench)
    again.finish(3, METRICS, simulation_s=1.0)
    assert [t.state.value for t in Study.open(url, bench=bench).trials] == [
        "done",
        "done",
        "failed",
        "done",
    ]


def test_a_finished_trial_is_not_written_twice(bench, url):
    study = Study.create(bench, url, Settings())
    fill(study)
    with pytest.raises(StorageError, match="already finished"):
        study.finish(0, BAD, simulation_s=1.0)
    assert dict(Study.open(url, bench=bench).trials[0].metrics) == METRICS


def test_the_rest_of_a_batch_survives(bench, url):
    study = Study.create(bench, url, Settings(batch=3))
    rest = [{**A, "r": 500.0}, {**A, "r": 600.0}]
    study.begin(A, Origin.INITIAL, rest=rest)
    assert Study.open(url, bench=bench).queued == tuple(rest)
    assert study.history().n_asked == 3
    study.begin(study.queued[0], Origin.INITIAL)
    assert study.queued == Study.open(url, bench=bench).queued == (rest[1],)
    study.begin(study.queued[0], Origin.INITIAL)
    assert study.queued == Study.open(url, bench=bench).queued == ()


def test_several_studies_share_a_storage(bench, url):
    for name in ("one", "two"):
        fill(Study.create(bench, url, Settings(), name=name))
    for name in ("one", "two"):
        assert [t.number for t in Study.open(url, name, bench=bench).trials] == [0, 1, 2, 3]
    with pytest.raises(StudyError, match=r"which study.*one, two"):
        Study.open(url)


def test_a_missing_study_names_those_that_there_are(bench, url):
    Study.create(bench, url, Settings())
    with pytest.raises(StudyError, match=r"'rc_stud'.*did you mean 'rc_study'"):
        Study.open(url, "rc_stud")


def test_a_study_is_not_made_twice(bench, url):
    Study.create(bench, url, Settings())
    with pytest.raises(StudyError, match="already; resume"):
        Study.create(bench, url, Settings())


def test_a_study_that_was_killed_while_it_was_made_is_made_anew(bench, url):
    optuna.create_study(
        storage=open_storage(url), study_name="rc_study", directions=["maximize", "minimize"]
    )
    with pytest.raises(StudyError, match="not made by spiceloop"):
        Study.open(url, bench=bench)
    fill(Study.create(bench, url, Settings()))
    assert len(Study.open(url, bench=bench).trials) == 4


def test_a_study_may_begin_with_trials_that_have_ended(bench, url):
    """Written in one piece with the study, also where an earlier try was killed between the two."""
    fill(Study.create(bench, url, Settings(), name="first"))
    earlier = read_earlier(url, "first", bench, {}).trials
    assert [t.number for t in earlier] == [0, 1, 2]  # what runs is nobody's
    storage = open_storage(url)
    half = optuna.create_study(
        storage=storage, study_name="second", directions=["maximize", "minimize"]
    )
    storage.set_study_system_attr(half._study_id, FINGERPRINT, fingerprint(bench))
    space = distributions(bench.problem)
    begin_trials(storage, half._study_id, [running_frozen(space, earlier[0])])
    study = Study.create(bench, url, Settings(), name="second", earlier=earlier)
    again = Study.open(url, "second", bench=bench)
    assert again.trials == study.trials == earlier
    assert [t.origin for t in again.trials] == [Origin.START, Origin.EARLIER, Origin.EARLIER]
    assert (again.n_asked, again.n_earlier, again.has_start) == (2, 2, True)
    done, violating, failed = optuna.load_study(study_name="second", storage=storage).trials
    assert done.values == [METRICS["f3db"], METRICS["ipeak"]]
    assert violating.system_attrs["constraints"] == [pytest.approx(0.5)]
    assert failed.state is optuna.trial.TrialState.FAIL
    begun = again.begin({**A, "r": 500.0}, Origin.MODEL)
    assert begun.number == 3


def test_another_programs_study_is_left_alone(bench, url):
    other = optuna.create_study(storage=open_storage(url), study_name="rc_study")
    other.ask().set_user_attr("origin", "start")  # theirs, called as one of ours
    with pytest.raises(StudyError, match="belongs to another program"):
        Study.create(bench, url, Settings())


def test_a_study_of_another_problem_says_what_differs(bench, url, tmp_path):
    Study.create(bench, url, Settings())
    folder = tmp_path / "other"
    folder.mkdir()
    content = yaml.safe_load((DATA / "problem.yaml").read_text())
    content["parameters"]["r"]["maximum"] = "20k"
    content["metrics"]["q"] = {"measure": "rise"}
    content["description"] = "does not matter"
    (folder / "problem.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "rc.spice").write_text((DATA / "rc.spice").read_text().replace("50u", "60u"))
    other = Bench.load(load_problem(folder / "problem.yaml"))
    with pytest.raises(StudyError, match="is of another problem") as caught:
        Study.open(url, bench=other)
    text = str(caught.value)
    assert "parameters.r.maximum was 10k and is now 20k" in text
    assert "metrics.q.measure is new" in text
    assert "rc.spice of testbench step has changed" in text
    assert "description" not in text


def test_a_changed_deck_can_be_looked_at_but_not_gone_on_with(bench, url, tmp_path):
    fill(Study.create(bench, url, Settings()))
    for name in ("problem.yaml", "rc.spice"):
        (tmp_path / name).write_text((DATA / name).read_text().replace("50u", "60u"))
    again = Study.open(url, bench=Bench.load(load_problem(tmp_path / "problem.yaml")))
    assert again.changes == ("rc.spice of testbench step has changed",)
    assert dict(again.trials[0].metrics) == METRICS
    with pytest.raises(StudyError, match=r"is of another problem:\s+- rc\.spice"):
        again.claim()


def test_what_a_later_version_wrote_besides_is_left_alone(bench, url):
    study = Study.create(bench, url, Settings(seed=7))
    fill(study)
    optunas = optuna.load_study(study_name="rc_study", storage=study._storage)
    optunas.set_user_attr("spiceloop", {**optunas.user_attrs["spiceloop"], "mood": "good"})
    failed = optunas.trials[2]
    told = {**failed.user_attrs["failure"], "hint": "new"}
    assert rebuild(Failure, told) == FAILURE
    assert Study.open(url, bench=bench).settings == Settings(seed=7)


def test_the_same_problem_elsewhere_is_the_same_problem(bench, url, tmp_path):
    Study.create(bench, url, Settings())
    for name in ("problem.yaml", "rc.spice"):
        (tmp_path / name).write_text((DATA / name).read_text())
    Study.open(url, bench=Bench.load(load_problem(tmp_path / "problem.yaml")))


def test_threads_write_at_the_same_time(bench, url):
    study = Study.create(bench, url, Settings())
    for i in range(12):
        study.begin({**A, "r": 1000.0 + i}, Origin.INITIAL)
    threads = [
        threading.Thread(target=study.finish, args=(i, METRICS), kwargs={"simulation_s": i})
        for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Study.open(url, bench=bench)
    assert again.trials == study.trials
    assert [t.simulation_s for t in again.trials] == list(range(12))


def test_a_study_that_a_live_process_runs_is_left_alone_where_it_cannot_be_shared(bench, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study.create(bench, url, Settings())
    code = (
        "import sys, json\n"
        "from spiceloop.study import owner\n"
        "print(json.dumps(owner.mark()), flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        mark = yaml.safe_load(process.stdout.readline())
        study._storage.set_study_system_attr(study._id, "spiceloop:owner", mark)
        with pytest.raises(StudyError, match=f"process {process.pid}"):
            study.claim()
    finally:
        process.communicate()
    study.claim()
    study.release()


def test_a_killed_claim_does_not_bind(bench, url):
    study = Study.create(bench, url, Settings())
    mark = {"host": os.uname().nodename, "pid": os.getppid(), "started": "1"}  # number used again
    study._storage.set_study_system_attr(study._id, "spiceloop:owner", mark)
    study.claim()


@pytest.mark.parametrize("scheme", ["sqlite", "journal"])
def test_a_folder_that_is_not_there(bench, scheme, tmp_path):
    missing = f"{scheme}:///{tmp_path / 'no' / 'study.db'}"
    with pytest.raises(StorageError, match="does not exist"):
        Study.create(bench, missing, Settings())
    with pytest.raises(StudyError, match="no study file"):
        Study.open(missing)
