"""Memory over many evaluations in a row: ``python benchmarks/memory.py --evaluations 20000``.

Evaluates designs of an example one after another through the whole chain (render, compile,
simulate, measure) and, with ``--study``, writes each as a trial. Every ``--every`` evaluations it
reads the proportional set size (PSS: shared pages are divided among their users) of this process
and of the simulator's worker with its children, and the number of open files. Prints a table and a
least-squares slope over the second half, and writes JSON with ``--json``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from spiceloop.errors import SimulationError
from spiceloop.examples import path
from spiceloop.opt import make_optimizer
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.study.storage import default_url
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Failure, Origin

MIB = 1 << 20


def pss(pid: int) -> float:
    """Proportional set size in MiB, without files.

    A library's share grows when another process that maps it ends, which is no leak.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def family(pid: int) -> list[int]:
    """A process and all below it, as far as they have not ended meanwhile."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += family(child)
    except OSError:
        pass
    return found


def worker_mib(pid: int | None) -> float:
    total = 0.0
    for each in family(pid) if pid else []:
        try:
            total += pss(each)
        except OSError:  # the child of one deck has just ended
            continue
    return total


def slope(rows: list[dict[str, float]], name: str) -> float:
    """KiB an evaluation, over the second half."""
    half = rows[len(rows) // 2 :]
    x = np.array([r["evaluations"] for r in half])
    y = np.array([r[name] for r in half])
    return float(np.polyfit(x, y, 1)[0]) * 1024


def measure(example: str, evaluations: int, every: int, study: bool) -> list[dict[str, float]]:
    problem = load_problem(example if "/" in example else path(example) / "problem.yaml")
    bench = Bench.load(problem)
    rng = np.random.default_rng(0)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, Evaluator(problem, bench=bench) as evaluator:
        kept = Study.create(bench, default_url(Path(folder)), Settings()) if study else None
        began = time.perf_counter()
        for number in range(evaluations + 1):
            design = problem.space.from_unit(rng.random(len(problem.space)))
            trial = kept.begin(design, Origin.INITIAL) if kept else None
            try:
                outcome = evaluator.evaluate(design).metrics
            except SimulationError as error:
                outcome = Failure(error.kind.value, error.message)
            if kept and trial:
                kept.finish(trial.number, outcome, simulation_s=0.0)
            if number % every == 0:
                pid = getattr(evaluator.simulator, "worker_pid", None)
                rows.append(
                    {
                        "evaluations": number,
                        "parent_mib": pss(os.getpid()),
                        "worker_mib": worker_mib(pid),
                        "files": len(list(Path("/proc/self/fd").iterdir())),
                        "seconds": time.perf_counter() - began,
                    }
                )
                last = rows[-1]
                print(
                    f"{number:7d}  parent {last['parent_mib']:7.1f} MiB  worker "
                    f"{last['worker_mib']:7.1f} MiB  {last['files']:3.0f} files  "
                    f"{last['seconds']:7.1f} s",
                    flush=True,
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", default="rc_filter", help="example, or path of a problem file")
    parser.add_argument("--evaluations", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--study", action="store_true", help="write every trial to SQLite too")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    make_optimizer("sobol")  # so that what an optimizer loads counts from the beginning
    rows = measure(given.example, given.evaluations, given.every, given.study)
    print(
        f"slope over the second half: parent {slope(rows, 'parent_mib'):+.3f} KiB, "
        f"worker {slope(rows, 'worker_mib'):+.3f} KiB an evaluation"
    )
    if given.json:
        given.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
