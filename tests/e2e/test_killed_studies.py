"""`kill -9` of a running study at random moments, Ctrl-C, a full disk: nothing lost or repeated."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from spiceloop.errors import StorageError, StudyError
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.store import Study
from spiceloop.study.trial import TrialState

pytestmark = pytest.mark.ngspice

PROBLEM = Path(__file__).parents[1] / "data" / "rc_study" / "problem.yaml"
DRIVER = Path(__file__).with_name("study_driver.py")
LIMIT_S = 120.0


def start(url: str, optimizer: str, trials: int, initial: int, workers: int) -> subprocess.Popen:
    words = [str(PROBLEM), url, optimizer, str(trials), str(initial), str(workers)]
    return subprocess.Popen(
        [sys.executable, str(DRIVER), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SPICELOOP_TEST_MARK": url},
    )


def descendants_of(url: str) -> list[int]:
    """Processes that inherited the mark which `start` puts in the environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and url.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def gone(url: str) -> bool:
    deadline = time.monotonic() + 10
    while descendants_of(url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def story(study: Study) -> list[tuple[object, ...]]:
    return [(t.number, t.origin, t.state, dict(t.design), dict(t.metrics)) for t in study.trials]


def finish(process: subprocess.Popen) -> list[str]:
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    return out.split()


def killed_ten_times(tmp_path: Path, optimizer: str, scheme: str, trials: int, initial: int):
    bench = Bench.load(load_problem(PROBLEM))
    whole_url = f"{scheme}:///{tmp_path / 'whole.db'}"
    finish(start(whole_url, optimizer, trials, initial, 1))
    whole = Study.open(whole_url, bench=bench)
    trial_s = max(t.simulation_s + t.thinking_s for t in whole.trials)

    url = f"{scheme}:///{tmp_path / 'cut.db'}"
    rng = random.Random(20)
    said: list[str] = []
    kept: list[tuple[object, ...]] = []
    for kill in range(10):
        process = start(url, optimizer, trials, initial, 1)
        # A random moment: before the first trial, or a random time after some were finished.
        if kill % 4 == 0:
            time.sleep(rng.uniform(0.0, 1.5))
        else:
            said += [process.stdout.readline().strip() for _ in range(rng.randint(1, 2))]
            time.sleep(rng.uniform(0.0, 1.5) * trial_s)
        process.kill()
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == -signal.SIGKILL, (out, err)
        said += out.split()
        assert gone(url), f"left behind after kill {kill}: {descendants_of(url)}"
        try:
            study = Study.open(url, bench=bench)
        except StudyError:
            assert not kept  # killed before the study was made
            continue
        done = [t for t in story(study) if t[2] is not TrialState.RUNNING]
        assert done[: len(kept)] == kept  # none lost, none changed
        assert {int(n) for n in said} <= {t[0] for t in done}  # what was said is on disk
        assert sum(t.state is TrialState.RUNNING for t in study.trials) <= 1
        kept = done
    assert 0 < len(kept) <= trials
    said += finish(start(url, optimizer, trials, initial, 1))
    assert said.pop() == "budget"
    assert len(said) == len(set(said))  # no finished trial was evaluated again
    assert gone(url)
    assert story(Study.open(url, bench=bench)) == story(whole)


def test_ten_kills_at_random_moments_then_the_study_is_as_if_there_were_none(tmp_path):
    # Many trials, so that ten kills come before the budget is spent on a fast machine too.
    killed_ten_times(tmp_path, "sobol", "sqlite", trials=120, initial=120)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "scheme", "trials"),
    [("ehvi", "sqlite", 30), ("sobol", "journal", 300), ("tpe", "sqlite", 100)],
)
def test_ten_kills_with_other_optimizers_and_storages(tmp_path, optimizer, scheme, trials):
    killed_ten_times(tmp_path, optimizer, scheme, trials=trials, initial=4)


def test_ctrl_c_ends_the_workers_and_leaves_a_study_to_resume(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    process = start(url, "sobol", 12, 12, 2)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said = finish(process)
    assert said[-1] == "interrupted"
    assert gone(url)
    bench = Bench.load(load_problem(PROBLEM))
    done = [t for t in Study.open(url, bench=bench).trials if t.state is TrialState.DONE]
    assert 1 <= len(done) < 13
    assert finish(start(url, "sobol", 12, 12, 2))[-1] == "budget"
    trials = Study.open(url, bench=bench).trials
    assert [t.number for t in trials] == list(range(13))
    assert all(t.state is TrialState.DONE for t in trials)
    assert set(map(repr, done)) <= set(map(repr, trials))


def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(small_disk):
    url = f"sqlite:///{small_disk / 'study.db'}"
    assert finish(start(url, "sobol", 3, 3, 1))[-1] == "budget"
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass
    process = start(url, "sobol", 40, 40, 1)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0
    assert StorageError.__name__ in err
    assert "make room, then `spiceloop resume`" in err
    assert gone(url)
    filler.unlink()
    out = [*out.split(), *finish(start(url, "sobol", 8, 8, 1))]
    assert out.pop() == "budget"
    study = Study.open(url)
    trials = study.trials
    study.close()
    assert [t.number for t in trials] == list(range(9))
    assert all(t.state is TrialState.DONE for t in trials)
    assert out == [str(n) for n in range(4, 9)]
