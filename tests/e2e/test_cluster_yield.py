"""Dies on a Dask cluster of real worker processes, one of them killed: the numbers are the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dask_cluster import DaskCluster
from mirror_problem import write_mirror
from spiceloop import estimate_yield
from spiceloop.errors import ClusterError
from spiceloop.study.events import ClusterChanged, Event

pytestmark = pytest.mark.ngspice


@pytest.mark.slow
def test_dies_of_a_cluster_are_those_of_this_machine(cluster: DaskCluster, tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    first = cluster.add_worker()
    cluster.add_worker()
    heard: list[Event] = []

    def kill(done: int, wanted: int) -> None:
        if done >= 5 and first.poll() is None:
            first.send_signal(signal.SIGKILL)
            first.wait()

    there = estimate_yield(
        mirror,
        samples=60,
        corners=["all"],
        scheduler=cluster.address,
        on_progress=kill,
        on_event=heard.append,
        out=tmp_path / "there",
    )
    assert first.poll() == -signal.SIGKILL
    sizes = [(e.workers, e.threads) for e in heard if isinstance(e, ClusterChanged)]
    assert sizes[-1] == (1, 1)
    here = estimate_yield(mirror, samples=60, corners=["all"])
    assert there.failures == ()
    assert [[o.metrics for o in die] for die in there.outcomes.values()] == [
        [o.metrics for o in die] for die in here.outcomes.values()
    ]
    kept = (tmp_path / "there" / "samples.jsonl").read_text()
    again = estimate_yield(mirror, samples=60, corners=["all"], out=tmp_path / "there")
    assert again.passed == here.passed
    assert (tmp_path / "there" / "samples.jsonl").read_text() == kept  # nothing is left to do


@pytest.mark.slow
def test_the_command_takes_a_scheduler(cluster: DaskCluster, tmp_path: Path) -> None:
    cluster.add_worker()
    command = [
        str(Path(sys.executable).with_name("spiceloop")),
        "yield",
        str(write_mirror(tmp_path)),
    ]
    options = ["--samples", "4", "--no-report", "--json", "--scheduler", cluster.address]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["samples"] == 4
    assert "cluster: 1 worker, 1 thread" in done.stderr


def test_a_wrong_address_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no such scheduler file"):
        estimate_yield(write_mirror(tmp_path), scheduler="nosuch.json", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
