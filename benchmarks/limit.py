"""Can the transconductor have both ratios of the paper and be no worse in anything else?

    python benchmarks/limit.py                    # with the loads carrying the cells' current
    python benchmarks/limit.py --unbalanced       # without that demand

A (1+1) evolution strategy climbs the sum of the logarithmic shortfalls of the five objectives, a
search for this one question with far more simulations than a sizing run. It shows what is within
reach; it proves nothing about what is not.
"""

from __future__ import annotations

import argparse

import numpy as np

from spiceloop.errors import SimulationError
from spiceloop.examples import path
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from transconductor import GOALS, NOISE, RANGE, unbalanced

# What each objective must be times the start's, and the sign of better.
WANTED = dict(zip(GOALS, ((RANGE, 1), (1, -1), (1, 1), (1, -1), (NOISE, -1)), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--unbalanced", action="store_true")
    parser.add_argument("--evaluations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    problem = load_problem(path("transconductor") / "problem.yaml")
    if options.unbalanced:
        problem = unbalanced(problem)
    space, start = problem.space, problem.start or {}
    rng = np.random.default_rng(options.seed)
    with Evaluator(problem) as evaluator:
        reference = evaluator.evaluate(start).metrics
        # A higher common mode is what buys range.
        best = space.to_unit({**start, "vcm": 1.1})
        best_score, best_metrics, step = -np.inf, reference, 0.15
        for number in range(options.evaluations):
            move = step * rng.standard_normal(len(space)) * (rng.random(len(space)) < 0.4)
            point = space.snap_unit(np.clip(best + (number > 0) * move, 0, 1))[0]
            try:
                metrics = evaluator.evaluate(space.from_unit(point)).metrics
            except SimulationError:
                continue
            score = shortfall(metrics, reference)
            if score > best_score:
                best, best_score, best_metrics = point, score, metrics
                step = min(1.5 * step, 0.3)
            else:
                step = max(0.95 * step, 0.03)
    print(f"after {options.evaluations} simulations, seed {options.seed}:")
    for goal in GOALS:
        print(f"  {goal}: {best_metrics[goal] / reference[goal]:.2f} times the start's")
    print(f"  imbalance: {best_metrics['imbalance']:.1f} % of the cells' current")
    print(f"  all five wanted: {'met' if best_score >= 0 else 'not met'}")


def shortfall(metrics: dict[str, float], reference: dict[str, float]) -> float:
    """Sum of the logarithms by which objectives fall short of what is wanted; 0 where none does.

    Positive once nothing falls short.
    """
    excess = [
        sign * np.log(max(metrics[goal], 1e-9) / reference[goal] / ratio)
        for goal, (ratio, sign) in WANTED.items()
    ]
    lacking = sum(min(0.0, e) for e in excess)
    return float(lacking if lacking < 0 else min(excess))


if __name__ == "__main__":
    main()
