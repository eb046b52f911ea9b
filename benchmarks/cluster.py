"""What a trial costs more on a Dask cluster than on this machine's own workers.

Runs one study twice on one worker, here and through a cluster of one scheduler and one worker
process on this machine, ``--repeat`` times in turn, with designs that cost no thought (sobol), and
prints the median time from one finished trial to the next, the least of the repetitions. "Python"
is the processor time a trial of the process that runs the study and of Dask's two, without ngspice:
it hardly depends on what else the machine does. Both give the same trials, which is checked::

    python benchmarks/cluster.py
    python benchmarks/cluster.py --trials 200 --repeat 5 --problems rc_filter
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from spiceloop.cli.gallery import examples
from spiceloop.opt import Budget, make_optimizer
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.cluster import DaskCrew
from spiceloop.study.crew import Crew, LocalCrew
from spiceloop.study.events import TrialFinished
from spiceloop.study.loop import run_study
from spiceloop.study.parcel import pack
from spiceloop.study.scheduler import connect
from spiceloop.study.store import Settings, Study

_PORT = 18795


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=["rc_filter", "transconductor"])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    with cluster() as (address, servers):
        print("| problem | parcel | a trial here | on the cluster | Python here | on the cluster |")
        print("|---|---|---|---|---|---|")
        for name in given.problems:
            bench = Bench.load(load_problem(examples()[name].problem_file))
            parcel = pack(bench, "ngspice-lib", "")
            crews: dict[str, Callable[[Study], Crew]] = {
                "here": LocalCrew,
                "there": lambda study: DaskCrew(study, address),
            }
            times: dict[str, list[float]] = {"here": [], "there": []}
            costs: dict[str, list[float]] = {"here": [], "there": []}
            found: set[str] = set()
            for _ in range(given.repeat):
                for where, crew in crews.items():
                    before = cpu(servers)
                    seconds, story = run(bench, crew, given.trials)
                    times[where].append(1e3 * seconds)
                    costs[where].append(1e3 * (cpu(servers) - before) / (given.trials + 1))
                    found.add(story)
            assert len(found) == 1, "the two did not give the same trials"
            row = (*(min(times[w]) for w in times), *(min(costs[w]) for w in costs))
            cells = " | ".join(f"{milliseconds:.1f} ms" for milliseconds in row)
            print(f"| {name} | {len(parcel.data) / 1e3:.1f} kB | {cells} |", flush=True)


def cpu(servers: Sequence[psutil.Process]) -> float:
    """Processor seconds of this process and the servers, their children's not counted."""
    used = [p.cpu_times() for p in (psutil.Process(), *servers)]
    return sum(t.user + t.system for t in used)


def run(bench: Bench, crew: Callable[[Study], Crew], trials: int) -> tuple[float, str]:
    """Run a study; return the median seconds from one finished trial to the next, and the trials.

    The first trial is left out: it loads the bench on the worker.
    """
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        study = Study.create(bench, f"sqlite:///{folder}/study.db", Settings())
        run_study(
            study,
            make_optimizer("sobol"),
            budget=Budget(trials),
            initial=trials,
            seed=1,
            workers=1,
            crew=crew,
            on_event=lambda e: (
                ends.append(time.perf_counter()) if isinstance(e, TrialFinished) else None
            ),
        )
        story = repr([(t.number, t.state, t.design, t.metrics) for t in study.trials])
        study.close()
    gaps = [b - a for a, b in itertools.pairwise(ends)]
    return statistics.median(gaps), story


@contextmanager
def cluster() -> Iterator[tuple[str, list[psutil.Process]]]:
    """A scheduler and one worker process of one thread, on this machine."""
    address = f"tcp://127.0.0.1:{_PORT}"
    words = {
        "scheduler": ["--host", "127.0.0.1", "--port", str(_PORT), "--no-dashboard"],
        "worker": [
            address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--host",
            "127.0.0.1",
            "--no-dashboard",
        ],
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        for kind, options in words.items():
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options],
                    stderr=subprocess.DEVNULL,
                    cwd=Path(tempfile.gettempdir()),
                )
            )
        client = connect(address)
        client.wait_for_workers(1, timeout=60)
        client.close()
        yield address, [psutil.Process(process.pid) for process in started]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
