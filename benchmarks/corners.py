"""How many simulations does early stop save over corners, and does it cost anything?

    python benchmarks/corners.py                 # 5 seeds, three ways
    python benchmarks/corners.py --seeds 10
    python benchmarks/corners.py --summary       # the tables again

Each run is an ordinary study of the example ``two_stage_opamp/corners.yaml`` (nine corners, three
testbenches, SKY130): the start, 10 quasi-random trials, 25 model-guided ones. The ways are

- ``all corners``: ``early_stop: false``;
- ``early stop``: a design that has failed at one corner skips the rest; the optimizer is told
  estimates of the worst case of such designs (the default);
- ``early stop, as recorded``: the same, but the optimizer is told the worst of what was simulated.

The second table replays the designs of the first way, for which every corner is known: how many
simulations they take when their corners are simulated in another order. Results are added run by
run to ``benchmarks/results/corners.json``, so a benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from spiceloop.api import Result, size
from spiceloop.cli.scoreboard import Scoreboard
from spiceloop.examples import path
from spiceloop.opt.base import Budget
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem
from spiceloop.spec.worst import worst
from spiceloop.study.choose import pareto_trials
from spiceloop.study.skipped import plan_for
from spiceloop.study.trial import Trial, TrialState

RESULTS = Path(__file__).parent / "results" / "corners.json"
WAYS = ("all corners", "early stop", "early stop, as recorded")
INITIAL = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 … N-1")
    parser.add_argument("--trials", type=int, default=35)
    parser.add_argument("--summary", action="store_true", help="run nothing")
    options = parser.parse_args()
    runs: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    for seed in range(0 if options.summary else options.seeds):
        for way in WAYS:
            if not any(
                (r["seed"], r["way"], r["trials"]) == (seed, way, options.trials) for r in runs
            ):
                runs.append(run(way, seed, options.trials))
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps(runs, indent=1) + "\n")
                print(
                    runs[-1]["seed"],
                    way,
                    runs[-1]["simulations"],
                    runs[-1]["hypervolume"],
                    flush=True,
                )
    summary(runs)


def run(way: str, seed: int, trials: int) -> dict[str, Any]:
    """One study; what is kept of it."""
    problem = load_problem(path("two_stage_opamp") / "corners.yaml")
    if way == "all corners":
        problem = problem.model_copy(update={"early_stop": False})
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        kept = {"problem": problem, "budget": trials, "initial": INITIAL, "seed": seed}
        if way == "early stop, as recorded":
            with patch("spiceloop.study.record.estimated", lambda problem, trials: {}):
                result = size(**kept, out=folder)
        else:
            result = size(**kept, out=folder)
        found = figures(result, trials)
        if way == "all corners":
            found["replayed"] = {
                name: replayed(problem, result.trials, order) for name, order in ORDERS.items()
            }
    return {
        "way": way,
        "seed": seed,
        "trials": trials,
        **found,
        "seconds": time.perf_counter() - began,
    }


def figures(result: Result, trials: int) -> dict[str, Any]:
    board = Scoreboard(result.problem, result.problem.task(INITIAL), Budget(trials))
    for trial in result.trials:
        board.add(trial)
    done = result.trials
    return {
        "simulations": sum(t.simulations for t in done),
        "saved": sum(t.saved for t in done),
        "simulation_s": board.simulation_s,
        "thinking_s": board.thinking_s,
        "feasible": board.feasible,
        "failed": sum(board.failures.values()),
        "pareto": len(pareto_trials(result.problem, done)),
        "hypervolume": board.hypervolume(),
    }


Order = Callable[[Problem, Sequence[Trial], Trial], Sequence[str]]


def _in_file_order(problem: Problem, before: Sequence[Trial], trial: Trial) -> Sequence[str]:
    return [c.name for c in problem.corners]


def _learned(problem: Problem, before: Sequence[Trial], trial: Trial) -> Sequence[str]:
    plan = plan_for(problem, before)
    assert plan is not None
    return plan.order


def _failing_first(problem: Problem, before: Sequence[Trial], trial: Trial) -> Sequence[str]:
    """The best that an order can do: it knows what is going to fail."""
    return sorted(trial.corners, key=lambda c: not problem.violations(trial.corners[c]))


ORDERS: dict[str, Order] = {
    "file": _in_file_order,
    "learned": _learned,
    "failing corner first": _failing_first,
}


def replayed(problem: Problem, trials: Sequence[Trial], order: Order) -> dict[str, int]:
    """Simulated corners of the designs whose every corner is known, in an order; each order sees
    only what it would have simulated itself.
    """
    typical = problem.corners[0].name
    seen: list[Trial] = []
    simulated = 0
    known = [t for t in trials if t.state is TrialState.DONE and not t.saved]
    for trial in known:
        kept: dict[str, Any] = {}
        for name in order(problem, seen, trial):
            kept[name] = trial.corners[name]
            if seen and problem.violations(kept[name]):
                break
        simulated += len(kept)
        metrics = worst(problem, kept, typical)
        left = len(trial.corners) - len(kept)
        seen.append(
            replace(
                trial,
                corners=kept,
                metrics=metrics,
                violations=problem.violations(metrics),
                saved=left,
            )
        )
    return {"designs": len(known), "corners": simulated, "of": sum(len(t.corners) for t in known)}


def summary(runs: Sequence[dict[str, Any]]) -> None:
    """Print both tables: medians (lower … upper quartile) over the seeds."""
    print(f"\n{'way':26}{'seeds':>6}{'simulations':>24}{'saved %':>10}{'simulating s':>24}"
          f"{'feasible':>20}{'front':>22}{'hypervolume':>26}")  # fmt: skip
    for way in WAYS:
        own = [r for r in runs if r["way"] == way]
        if own:
            share = [100 * r["saved"] / (r["saved"] + r["simulations"]) for r in own]
            print(f"{way:26}{len(own):6}{quartiles(own, 'simulations'):>24}{np.median(share):9.0f} "
                  f"{quartiles(own, 'simulation_s'):>24}{quartiles(own, 'feasible'):>20}"
                  f"{quartiles(own, 'pareto'):>22}{quartiles(own, 'hypervolume'):>26}")  # fmt: skip
    replays = [r["replayed"] for r in runs if "replayed" in r]
    if replays:
        print(f"\n{'order of the corners':26}{'corners simulated':>22}{'of':>8}")
        for name in ORDERS:
            total = sum(r[name]["corners"] for r in replays)
            print(f"{name:26}{total:22}{sum(r[name]['of'] for r in replays):8}")


def quartiles(runs: Sequence[dict[str, Any]], key: str) -> str:
    low, mid, high = np.percentile([r[key] for r in runs], [25, 50, 75])
    return f"{mid:.4g} ({low:.4g} … {high:.4g})"


if __name__ == "__main__":
    main()
