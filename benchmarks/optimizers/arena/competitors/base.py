"""What a competitor is.

All see the same: the unit cube (logarithmic where the problem's variable is), losses and violations
as `arena.problems` scales them (logarithms where the problem file says ``scale: log``), and that a
simulation failed. None sees the problem's start design.
"""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from arena.problems import ArenaProblem
from spiceloop.opt.base import Floats, History
from spiceloop.opt.sobol import Sobol

__all__ = ["Competitor", "sobol_points"]


class Competitor(Protocol):
    """Asked for a point of the unit cube, told what came of it, in turns.

    Those that live in the arena's own process derive from this.
    """

    def ask(self) -> Floats:
        """Return the next point (d,); the arena moves it to the grid."""
        ...

    def tell(self, x: Floats, row: Floats) -> None:
        """Take metrics (m,) of the point on the grid (d,); NaN where the simulation failed."""
        ...

    def close(self) -> None:
        """Free what is held."""

    def cpu_seconds(self) -> float:
        """Return the processor seconds used so far by the process that thinks."""
        return time.process_time()


def sobol_points(problem: ArenaProblem, n: int, seed: int) -> Floats:
    """Return the first points (n, d) of all who begin with Sobol points: the same for a seed."""
    d = len(problem.task.space)
    nothing = History(
        x=np.empty((0, d)),
        metrics=np.empty((0, len(problem.metric_names))),
        metric_names=problem.metric_names,
        failed=np.zeros(0, dtype=bool),
        pending=np.empty((0, d)),
        n_asked=0,
    )
    return Sobol().ask(problem.task, nothing, n, seed)
