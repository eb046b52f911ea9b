"""Optimizers against each other on circuits: run, resume, summarise.

    python benchmarks/optimizers/run.py                                   # everything: many hours
    python benchmarks/optimizers/run.py --problem folded_cascode --competitor ehvi --seeds 3
    python benchmarks/optimizers/run.py --budget 60s                      # wall clock
    python benchmarks/optimizers/run.py --summary                         # table and figure only
    python benchmarks/optimizers/run.py --smoke                           # what CI runs

Every run (problem, competitor, seed) is a process of its own with one thread, ``--jobs`` of them at
a time, and one file (JSON, gzip); runs whose file is there are not run again. README.md says what
is compared and how.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from arena import problems, summary, tables  # noqa: E402
from arena.budget import Budget  # noqa: E402
from arena.competitors import COMPETITORS, TIMED_ONLY  # noqa: E402
from arena.problems import ArenaProblem  # noqa: E402
from arena.record import Record, run_file, under_way  # noqa: E402

BUDGETS = ("35", "100", "200", "60s")
# What CI runs: a closed form and two circuits, a few simulations each. Ax has an environment of its
# own, which CI has not.
SMOKE = (
    ("czdt1", ("sobol", "tpe", "gpsampler", "pymoo", "qlognehvi"), "11"),
    ("folded_cascode", ("ehvi",), "11"),
    ("ldo", ("nsga2",), "11"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the number of runs that failed."""
    options = parse(arguments)
    if options.smoke:
        with tempfile.TemporaryDirectory() as folder:
            options.results = Path(folder)
            failures = sum(
                run_all([name], competitors, range(1), [Budget.parse(budget)], options)
                for name, competitors, budget in SMOKE
            )
            budgets = [Budget.parse(b) for b in dict.fromkeys(b for _, _, b in SMOKE)]
            summarise(options.results, budgets)
        return failures
    budgets = [Budget.parse(b) for b in options.budget or BUDGETS]
    failures = 0
    if not options.summary:
        failures = run_all(
            options.problem or problems.names(),
            options.competitor or COMPETITORS,
            range(options.first_seed, options.first_seed + options.seeds),
            budgets,
            options,
        )
    summarise(options.results, budgets)
    return failures


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", action="append", choices=problems.names())
    parser.add_argument("--competitor", action="append", choices=COMPETITORS)
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", action="append", help="simulations, or seconds as 60s")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds a run")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    parser.add_argument("--smoke", action="store_true", help="a few evaluations, nothing kept")
    return parser.parse_args(arguments)


def run_all(
    names: Sequence[str],
    competitors: Sequence[str],
    seeds: Sequence[int],
    budgets: Sequence[Budget],
    options: argparse.Namespace,
) -> int:
    """Run what has no file yet, seed by seed, so that a stopped arena has equal seeds of all."""
    counted = [b for b in budgets if not b.timed]
    # One run serves every number of simulations: no competitor knows how many there will be.
    longest = [max(counted, key=lambda b: b.simulations)] if counted else []
    wanted = longest + [b for b in budgets if b.timed]
    waiting = [
        (name, competitor, budget, seed)
        for seed in seeds
        for name in names
        for competitor in competitors
        for budget in wanted
        if budget.timed or competitor not in TIMED_ONLY
        if not done(options.results, name, competitor, budget, seed)
    ]
    running: dict[subprocess.Popen[bytes], tuple[str, float]] = {}
    files: dict[subprocess.Popen[bytes], Path] = {}
    failures = 0
    total = len(waiting)
    while waiting or running:
        while waiting and len(running) < options.jobs:
            what = waiting.pop(0)
            process = start(*what, options)
            running[process] = (" ".join(map(str, what)), time.monotonic())
            name, competitor, budget, seed = what
            files[process] = run_file(options.results, name, competitor, budget.timed, seed)
        time.sleep(0.2)
        for process, (what_text, began) in list(running.items()):
            seconds = time.monotonic() - began
            if process.poll() is None and seconds > 1.5 * options.limit + 60:
                process.kill()  # one proposal or one simulation that never ends
                process.wait()
                # What counts as its result: it would be no other next time.
                if under_way(files[process]).exists():
                    under_way(files[process]).replace(files[process])
            if process.poll() is not None:
                del running[process]
                failures += process.returncode != 0
                state = "done" if process.returncode == 0 else f"FAILED ({process.returncode})"
                at = total - len(waiting) - len(running)
                print(f"[{at}/{total}] {what_text}: {state}, {seconds:.0f} s", file=sys.stderr)
    return failures


def done(results: Path, name: str, competitor: str, budget: Budget, seed: int) -> bool:
    file = run_file(results, name, competitor, budget.timed, seed)
    if not file.exists():
        return False
    record = Record.read(file, ArenaProblem.load(name))
    return record.enough_for(budget)


def start(
    name: str, competitor: str, budget: Budget, seed: int, options: argparse.Namespace
) -> subprocess.Popen[bytes]:
    file = run_file(options.results, name, competitor, budget.timed, seed)
    threads = {f"{n}_NUM_THREADS": "1" for n in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    return subprocess.Popen(
        [sys.executable, "-m", "arena.one_run", name, competitor]
        + [str(v) for v in (budget, seed, options.limit, file.resolve())],
        cwd=HERE,
        env={**os.environ, **threads},
    )


def summarise(results: Path, budgets: Sequence[Budget]) -> None:
    runs = summary.collect(results)
    text = "\n\n".join(f(runs, budgets) for f in (tables.standing, tables.overview, tables.table))
    print(text)
    if runs:
        (results / "table.md").write_text(text + "\n")
        summary.draw(runs, results / "hypervolume.png")


if __name__ == "__main__":
    sys.exit(min(main(), 1))
