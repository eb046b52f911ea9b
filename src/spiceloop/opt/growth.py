"""What each trial has added to the feasible hypervolume, fast enough to be asked at every turn.

The polar-coordinate formula of J. Deng and Q. Zhang (see `spiceloop.opt.volume`) over a few
``directions``, always the same: its error is that of the volume, not of the growth, since volumes
are compared along the same directions.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.pareto import feasible_mask, losses, reference_point

__all__ = ["relative_volumes"]

_CELLS = 1 << 16  # rows times directions at once: bounds the memory


def relative_volumes(task: Task, history: History, directions: int = 512) -> Floats:
    """Return the feasible hypervolume after 1, 2, …, n rows, as a share of the last, (n,).

    Measured from the report's reference (`reference_point`) as it is now. Zeros where no row
    counts.
    """
    args = (task, history.metrics, history.metric_names)
    k = len(task.goals)
    gains = reference_point(*args, start=history.start) - losses(*args)
    counts = feasible_mask(*args) & (np.nan_to_num(gains, nan=-1.0) > 0).all(axis=1)
    volumes = np.zeros(len(gains))
    if not counts.any():
        return volumes
    gains = gains[counts] / gains[counts].max(axis=0)
    rays = _rays(directions, k)
    step = _CELLS // directions
    reach = np.zeros((1, directions))
    found = []
    for rows in np.split(gains, range(step, len(gains), step)):
        along = rows[:, :1] / rays[:, 0]
        for j in range(1, k):
            np.minimum(along, rows[:, j : j + 1] / rays[:, j], out=along)
        reach = np.maximum.accumulate(np.vstack([reach[-1:], along]), axis=0)[1:]
        found.append((reach**k).mean(axis=1))
    volumes[counts] = np.concatenate(found)
    volumes = np.maximum.accumulate(volumes)
    return np.asarray(volumes / volumes[-1])


def _rays(n: int, k: int) -> Floats:
    """Return unit vectors (n, k), even over the positive part of the sphere.

    Quasi-random: their error, which is the volume's, is a fraction of that of random ones.
    """
    even = qmc.Sobol(k, rng=0).random(n)
    rays = ndtri(0.5 + 0.5 * np.clip(even, 1e-9, 1.0 - 1e-9))
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))
