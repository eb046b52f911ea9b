"""Does a study that begins with an earlier one's trials need fewer simulations?

    python benchmarks/earlier.py                 # 10 seeds, about a quarter of an hour
    python benchmarks/earlier.py --seeds 3
    python benchmarks/earlier.py --summary       # the table again

The example ``two_stage_opamp`` is sized as it is shipped: its start and 35 trials. Then the problem
changes, and is sized with 35 trials more, anew and with ``--learn-from``:

- ``tighter bounds``: phase margin 66 instead of 60°, slew rate 20 instead of 10 MV/s,
  gain-bandwidth 30 instead of 20 MHz;
- ``other goals``: largest gain-bandwidth at least power, noise and area being bounds.

Hypervolumes are those of `spiceloop size`, whose reference is a decade beyond the start's losses,
so the same both ways. Results are added run by run to ``benchmarks/results/earlier.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spiceloop.api import Result, size
from spiceloop.cli.scoreboard import Scoreboard
from spiceloop.examples import path
from spiceloop.opt.base import Budget
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem
from spiceloop.study.trial import Origin, Trial

RESULTS = Path(__file__).parent / "results" / "earlier.json"
TRIALS = 35
AFTER = (5, 10, 20, 35)
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "tighter bounds": {
        "phase_margin": {"minimum": 66.0},
        "slew_rate": {"minimum": 20e6},
        "gbw": {"minimum": 30e6},
    },
    "other goals": {
        "gbw": {"minimum": None, "goal": "maximize"},
        "area": {"goal": None, "maximum": 600e-12},
        "noise_in": {"goal": None, "maximum": 90e-6},
    },
}
WAYS = ("anew", "learned")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 … N-1")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    options = parser.parse_args()
    runs: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    for seed in range(0 if options.summary else options.seeds):
        if any(r["seed"] == seed for r in runs):
            continue
        runs += run(seed)
        RESULTS.write_text(json.dumps(runs, indent=1) + "\n")
        print(f"seed {seed}", flush=True)
    summary(runs)


def run(seed: int) -> list[dict[str, Any]]:
    """The earlier study of one seed, and what each change makes of it."""
    shipped = load_problem(path("two_stage_opamp") / "problem.yaml")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        size(shipped, budget=TRIALS, seed=seed, out=before)
        for change, edits in CHANGES.items():
            problem = changed(shipped, edits)
            for way in WAYS:
                result = size(
                    problem,
                    budget=TRIALS,
                    seed=seed + 100,  # anew must not begin with the same designs
                    out=Path(folder) / change / way,
                    learn_from=before if way == "learned" else None,
                )
                found.append({"seed": seed, "change": change, "way": way, **figures(result)})
    return found


def changed(problem: Problem, edits: dict[str, dict[str, Any]]) -> Problem:
    metrics = {
        name: metric.model_copy(update=edits.get(name, {}))
        for name, metric in problem.metrics.items()
    }
    return problem.model_copy(update={"metrics": metrics})


def figures(result: Result) -> dict[str, Any]:
    """Simulations to the first feasible design that is new, hypervolume after so many."""
    known = [t for t in result.trials if not t.origin.counts]
    own = [t for t in result.trials if t.origin.counts]
    first = next((i for i, t in enumerate(own, start=1) if t.feasible), None)
    return {
        "earlier": sum(t.origin is Origin.EARLIER for t in known),
        "feasible_before": sum(t.feasible for t in known),
        "first_feasible": first,
        "feasible": sum(t.feasible for t in own),
        "hypervolume": [volume(result.problem, known + own[:n]) for n in (0, *AFTER)],
    }


def volume(problem: Problem, trials: list[Trial]) -> float:
    board = Scoreboard(problem, problem.task(), Budget(TRIALS))
    for trial in trials:
        board.add(trial)
    return board.hypervolume()


def summary(runs: list[dict[str, Any]]) -> None:
    print(
        "\n| change | way | seeds | feasible before | first new feasible | "
        + " | ".join(f"hypervolume after {n}" for n in (0, *AFTER))
        + " |"
    )
    print("|---" * (6 + len(AFTER)) + "|")
    for change in CHANGES:
        for way in WAYS:
            some = [r for r in runs if (r["change"], r["way"]) == (change, way)]
            if not some:
                continue
            firsts = [r["first_feasible"] or np.inf for r in some]
            volumes = np.array([r["hypervolume"] for r in some])
            cells = [
                change,
                way,
                str(len(some)),
                _quartiles([r["feasible_before"] for r in some]),
                _quartiles(firsts),
                *(_quartiles(column) for column in volumes.T),
            ]
            print("| " + " | ".join(cells) + " |")


def _quartiles(values: Any) -> str:
    """Median (lower … upper quartile), as runs that never got there allow: no means of two."""
    low, middle, high = np.percentile(values, [25, 50, 75], method="nearest")
    return f"{middle:.3g} ({low:.3g} … {high:.3g})"


if __name__ == "__main__":
    main()
