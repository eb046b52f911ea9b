"""How good is the centre of the space, where `ehvi`, `auto` and Ax begin, before any search?

    python benchmarks/optimizers/centre.py

Broken bounds of the centre, and of all Sobol points among the results; how many Sobol points break
no more; how many are better in every loss. One row a problem, read from `results/`, nothing is
simulated.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arena import problems
from arena.problems import ArenaProblem
from arena.summary import collect


def main() -> None:
    """Print the table."""
    runs = collect(Path(__file__).parent / "results")
    print("| problem | bounds | centre breaks | Sobol median | break no more | better |")
    print("|" + "---|" * 6)
    for name in problems.names():
        problem = ArenaProblem.load(name)
        centre = runs[name, "ehvi", False][0].record.rows[:1]
        sobol = np.vstack([r.record.rows for r in runs[name, "sobol", False]])
        sobol = sobol[np.isfinite(sobol).all(axis=1)]
        violations = problem.violations(sobol)
        broken = (violations > 0.0).sum(axis=1)
        own = int((problem.violations(centre) > 0.0).sum())
        better = (problem.losses(sobol) <= problem.losses(centre)).all(axis=1).mean()
        print(
            f"| {name} | {violations.shape[1]} | {own} | {np.median(broken):.0f} "
            f"| {(broken <= own).mean():.1%} | {better:.1%} |"
        )


if __name__ == "__main__":
    main()
