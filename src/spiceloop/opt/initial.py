"""The designs before the model guides: the centre of the space first, then Sobol points.

Whoever chose the ranges mostly put them around what could work, so the centre tells more than a
quasi-random design does, where there is no start to tell it (docs/arena.md). It takes the place of
the sequence's first point; the others are `spiceloop.opt.sobol.Sobol`'s own, so that the designs
do not depend on how many are asked for at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.sobol import Sobol

__all__ = ["initial_points"]


def initial_points(task: Task, history: History, n: int, seed: int) -> Floats:
    """Return the next ``n`` initial designs, (n, d); see `spiceloop.opt.base.Optimizer.ask`.

    The first is the centre where nothing is known or under way: no start, no earlier trials.
    """
    known = history.n_asked + len(history.x) + len(history.pending)
    if n == 0 or known > 0:
        return Sobol().ask(task, history, n, seed)
    centre = task.space.snap_unit(np.full((1, len(task.space)), 0.5))
    rest = replace(history, pending=centre, n_asked=1)
    return np.vstack([centre, Sobol().ask(task, rest, n - 1, seed)])
