"""Trials on a Dask cluster of real worker processes, with real ngspice; workers and all get killed.

Every process binds to 127.0.0.1.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Timer

import pytest

import spiceloop
from dask_cluster import DaskCluster, wait_until
from spiceloop.errors import ClusterError
from spiceloop.opt import Budget, make_optimizer
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.cluster import DaskCrew
from spiceloop.study.events import ClusterChanged, Event, TrialFinished, TrialStarted
from spiceloop.study.loop import run_study
from spiceloop.study.scheduler import connect
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import TrialState

pytestmark = pytest.mark.ngspice

RC = Path(__file__).parents[1] / "data" / "rc_study" / "problem.yaml"

# The same transient again and again: 20 ms each or so, and for ever if `times` says so.
SLOW_DECK = """RC driven by a sine, for a long time
.param r = 1k
.param times = 1
V1 in 0 sin(0 1 1k)
R1 in out {r}
C1 out 0 1n
.csparam times={times}
.control
repeat $&times
destroy all
tran 1u 10m 0 1u
end
meas tran peak max v(out)
.endc
.end
"""
SLOW = """
name: slow
testbenches:
  long: {{deck: slow.spice, timeout: {timeout}{functions}}}
conditions: {{times: {times}}}
parameters:
  r: {{minimum: 100, maximum: 10k, start: 1k}}
metrics:
  peak: {{goal: maximize}}
"""


def slow_problem(folder: Path, *, times: int, timeout: float = 60.0, functions: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "slow.spice").write_text(SLOW_DECK)
    named = f", functions: [{functions}]" if functions else ""
    file = folder / "problem.yaml"
    file.write_text(SLOW.format(times=times, timeout=timeout, functions=named))
    return file


def story(study: Study) -> list[tuple[object, ...]]:
    return [(t.number, t.origin, t.state, dict(t.design), dict(t.metrics)) for t in study.trials]


class Listener:
    """Keeps events, and calls ``then`` once when ``after`` trials were finished."""

    def __init__(self, after: int = 0, then: object = None) -> None:
        self.events: list[Event] = []
        self.after = after
        self.then = then

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if self.then is not None and len(self.finished) >= self.after:
            then, self.then = self.then, None
            then()  # type: ignore[operator]

    @property
    def finished(self) -> list[int]:
        return [e.trial.number for e in self.events if isinstance(e, TrialFinished)]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [(e.workers, e.threads) for e in self.events if isinstance(e, ClusterChanged)]

    @property
    def most_at_once(self) -> int:
        running = most = 0
        for event in self.events:
            running += isinstance(event, TrialStarted) - isinstance(event, TrialFinished)
            most = max(most, running)
        return most


@pytest.mark.slow
def test_one_slot_gives_the_very_trials_of_a_local_run(cluster, tmp_path):
    cluster.add_worker()
    settings = {"budget": 7, "initial": 4, "seed": 5, "optimizer": "tpe"}
    heard = Listener()
    there = spiceloop.size(
        RC, **settings, scheduler=cluster.address, out=tmp_path / "there", on_event=heard
    )
    here = spiceloop.size(RC, **settings, out=tmp_path / "here")
    assert there.ending == "budget"
    assert story(there.study) == story(here.study)
    assert heard.most_at_once == 1


def test_two_workers_one_killed_every_trial_is_finished_exactly_once(cluster, tmp_path):
    problem = slow_problem(tmp_path / "slow", times=5)
    victim = cluster.add_worker()
    cluster.add_worker()
    wait_for_workers(cluster, 2)
    children: set[int] = set()

    def kill() -> None:
        wait_until(lambda: victim.pid in cluster.simulators().values(), "the victim simulates")
        children.update(p for p, parent in cluster.simulators().items() if parent == victim.pid)
        victim.kill()

    heard = Listener(4, kill)
    result = spiceloop.size(
        problem,
        budget=14,
        optimizer="sobol",
        scheduler=cluster.address,
        out=tmp_path / "run",
        on_event=heard,
    )
    assert victim.wait() == -signal.SIGKILL
    assert children
    assert result.ending == "budget"
    assert Counter(heard.finished) == Counter(range(15))  # the start and 14 more, each once
    assert [t.state for t in result.trials] == [TrialState.DONE] * 15
    assert heard.most_at_once == 2
    assert (2, 2) in heard.sizes
    assert heard.sizes[-1] == (1, 1)
    wait_until(lambda: not children & cluster.simulators().keys(), "the victim's ngspice ends")


@pytest.mark.slow
def test_a_worker_that_joins_is_used(cluster, tmp_path):
    problem = slow_problem(tmp_path / "slow", times=5)
    heard = Listener(3, lambda: (cluster.add_worker(), wait_for_workers(cluster, 1)))
    later = Timer(1.0, cluster.add_worker)  # at first there is none
    later.start()
    result = spiceloop.size(
        problem,
        budget=12,
        optimizer="sobol",
        scheduler=cluster.address,
        out=tmp_path / "run",
        on_event=heard,
    )
    later.join()
    first = next(e for e in heard.events if isinstance(e, ClusterChanged))
    assert first == ClusterChanged(0, 0, "the cluster has no worker yet; waiting for one")
    assert heard.sizes[-1] == (2, 2)
    assert heard.most_at_once == 2
    assert result.ending == "budget"
    assert len(result.trials) == 13


def test_a_killed_client_leaves_no_simulation_and_its_study_is_resumed(cluster, tmp_path):
    cluster.add_worker()
    cluster.add_worker()
    out = tmp_path / "run"
    command = [str(Path(sys.executable).with_name("spiceloop"))]
    endless = slow_problem(tmp_path / "slow", times=10**9, timeout=250)
    options = ["--optimizer", "sobol", "--budget", "5", "--scheduler", cluster.address]
    client = subprocess.Popen(
        [*command, "size", str(endless), *options, "--out", str(out), "--no-report"],
        stderr=subprocess.DEVNULL,
    )
    # Of each worker a simulator's process and its child that runs the deck.
    wait_until(lambda: len(cluster.simulators()) == 4, "both workers simulate", 60)
    client.kill()
    client.wait()
    wait_until(lambda: not cluster.simulators(), "no simulation is left")
    assert Study.open(f"sqlite:///{out / 'study.db'}").trials[0].state is TrialState.RUNNING

    slow_problem(tmp_path / "slow", times=10**9, timeout=1)  # a time-out may change
    result = spiceloop.resume(out, scheduler=cluster.address)
    assert [t.number for t in result.trials] == list(range(6))
    assert {t.failure.kind for t in result.trials if t.failure} == {"timeout"}
    wait_until(lambda: len(cluster.simulators()) <= 2, "killed simulators are gone")


@pytest.mark.slow
def test_ctrl_c_ends_the_simulations_on_the_cluster(cluster, tmp_path):
    cluster.add_worker()
    problem = slow_problem(tmp_path / "slow", times=10**9, timeout=250)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # off in a background shell

    def interrupt() -> None:
        try:
            wait_until(lambda: cluster.simulators(), "the worker simulates", 120)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    stop = Timer(0.1, interrupt)
    stop.start()
    try:
        result = spiceloop.size(
            problem,
            budget=3,
            initial=3,
            optimizer="sobol",
            scheduler=cluster.address,
            out=tmp_path / "run",
        )
    finally:
        signal.signal(signal.SIGINT, handler)
    stop.join()
    assert result.ending == "interrupted"
    assert result.trials[0].state is TrialState.RUNNING
    wait_until(lambda: not cluster.simulators(), "no simulation is left")


@pytest.mark.slow
def test_a_lost_scheduler_ends_the_run_and_a_new_one_lets_it_go_on(cluster, tmp_path):
    problem = slow_problem(tmp_path / "slow", times=5)
    cluster.add_worker()
    out = tmp_path / "run"
    heard = Listener(3, lambda: cluster.scheduler.kill())
    with pytest.raises(ClusterError, match=r"was lost(.|\n)*Finished trials are kept") as caught:
        spiceloop.size(
            problem,
            budget=8,
            optimizer="sobol",
            scheduler=cluster.address,
            out=out,
            on_event=heard,
        )
    assert "spiceloop resume" in str(caught.value)
    cluster.scheduler.wait()
    kept = story(spiceloop.open_study(out).study)
    assert {n for n, _, state, *_ in kept if state is TrialState.DONE} == set(heard.finished)
    assert len(heard.finished) >= 3
    cluster.start_scheduler()
    cluster.add_worker()
    result = spiceloop.resume(out, scheduler=cluster.address)
    done = [row for row in kept if row[2] is TrialState.DONE]
    assert [row for row in story(result.study) if row in done] == done
    assert [t.state for t in result.trials] == [TrialState.DONE] * 9


@pytest.mark.slow
def test_a_design_that_kills_workers_is_given_up_and_the_others_go_on(cluster, tmp_path):
    problem = slow_problem(tmp_path / "slow", times=1, functions="deadly.py:measure")
    bombs = tmp_path / "bombs"
    bombs.mkdir()
    (tmp_path / "slow" / "deadly.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "def measure(waves):\n"
        f"    bombs = Path({str(bombs)!r})\n"
        "    n = len(list(bombs.iterdir()))\n"
        "    if n < 2:\n"
        "        (bombs / str(n)).touch()\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return {}\n"
    )
    cluster.add_worker(nanny=True)  # the nanny starts the worker again
    result = spiceloop.size(
        problem, budget=2, optimizer="sobol", scheduler=cluster.address, out=tmp_path / "run",
    )  # fmt: skip
    first, *others = result.trials
    assert first.state is TrialState.FAILED
    assert first.failure.kind == "crash"
    assert first.failure.message.startswith("2 workers of the cluster died while they evaluated")
    assert [t.state for t in others] == [TrialState.DONE] * 2


def test_workers_need_none_of_the_problem_s_files(cluster, tmp_path):
    folder = tmp_path / "mine"
    problem = slow_problem(folder, times=1, functions="measures.py:twice")
    text = problem.read_text().replace("metrics:", "metrics:\n  double: {goal: minimize}")
    problem.write_text(text)
    (folder / "slow.spice").write_text(SLOW_DECK.replace("C1 out 0 1n", ".include cap.inc"))
    (folder / "cap.inc").write_text("C1 out 0 1n\n")
    (folder / "helpers_of_mine.py").write_text("factor = 2.0\n")
    (folder / "measures.py").write_text(
        "from helpers_of_mine import factor\n"
        "def twice(waves):\n"
        "    v = waves.plot('tran')['out'].real\n"
        "    if v.max() > 0.99995:\n"
        "        raise ValueError('too high')\n"
        "    return {'double': factor * v.max()}\n"
    )
    bench = Bench.load(load_problem(problem))
    study = Study.create(bench, f"sqlite:///{tmp_path / 'study.db'}", Settings())

    class Mover(DaskCrew):
        """Takes the files away as soon as they are packed."""

        def hire(self, workers, simulator):
            super().hire(workers, simulator)
            folder.rename(tmp_path / "moved")

    cluster.add_worker()
    run_study(
        study,
        make_optimizer("sobol"),
        budget=Budget(6),
        initial=6,
        seed=1,
        crew=lambda study: Mover(study, cluster.address),
    )
    done = [t for t in study.trials if t.state is TrialState.DONE]
    failed = [t for t in study.trials if t.state is TrialState.FAILED]
    assert done
    for trial in done:
        assert trial.metrics["double"] == pytest.approx(2 * trial.metrics["peak"], rel=1e-5)
    assert failed
    for trial in failed:  # the message names the user's own line
        assert "too high (measures.py:5: raise ValueError" in trial.failure.message


@pytest.mark.slow
def test_a_worker_with_another_version_is_not_used(cluster, tmp_path):
    other = tmp_path / "other" / "spiceloop-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: spiceloop\nVersion: 0.0.1\n")
    cluster.add_worker(environment={"PYTHONPATH": str(other.parent)})
    wait_for_workers(cluster, 1)
    with pytest.raises(ClusterError) as caught:
        spiceloop.size(
            RC, budget=2, optimizer="sobol", scheduler=cluster.address, out=tmp_path / "no"
        )
    assert "no worker of the cluster" in str(caught.value)
    assert "spiceloop is 0.0.1 on this worker and 0." in str(caught.value)

    cluster.add_worker()
    wait_for_workers(cluster, 2)
    heard = Listener()
    result = spiceloop.resume(tmp_path / "no", scheduler=cluster.address, on_event=heard)
    assert [t.state for t in result.trials] == [TrialState.DONE] * 3
    said = [e.remark for e in heard.events if isinstance(e, ClusterChanged)]
    assert any(r.startswith("not used: worker tcp://127.0.0.1:") for r in said)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:{free}", "Connection refused"),
        ("127.0.0.1", "missing port number"),
        ("udp://127.0.0.1:8786", "udp:// is not supported"),
        ("runs/scheduler.json", "no such scheduler file"),
        ("nosuch.json", "no such scheduler file"),
    ],
)
def test_a_wrong_address_says_so_and_leaves_no_study(address, reason, tmp_path, monkeypatch):
    monkeypatch.setattr("spiceloop.study.scheduler._CONNECT_S", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        given = address.format(free=free.getsockname()[1])
    with pytest.raises(ClusterError) as caught:
        spiceloop.size(RC, budget=1, optimizer="sobol", scheduler=given, out=tmp_path / "run")
    message = str(caught.value)
    assert message.startswith(f"no Dask scheduler answers at {given}: ")
    assert reason in message
    assert "dask scheduler" in message
    assert caught.value.exit_code == 3
    assert not (tmp_path / "run").exists()


def test_something_else_at_the_address_is_no_reason_to_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("spiceloop.study.scheduler._CONNECT_S", 1.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ClusterError, match="but no Dask scheduler"):
            connect(f"tcp://127.0.0.1:{other.getsockname()[1]}")


def wait_for_workers(cluster: DaskCluster, count: int) -> None:
    client = connect(cluster.address)
    try:
        client.wait_for_workers(count, timeout=60)
    finally:
        client.close()
