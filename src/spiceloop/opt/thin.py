"""Few trials of many, so that a model's cost, their third power, does not grow without end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spiceloop.opt.base import History, Task
from spiceloop.opt.population import best_first

__all__ = ["thinned"]

_MOST = 200
_BEST = 0.6  # of the rows


def thinned(task: Task, history: History) -> History:
    """Return the history with at most `_MOST` rows: the start, the best, and some of the rest."""
    n = len(history.x)
    if n <= _MOST:
        return history
    best = best_first(task, history, int(_BEST * _MOST))
    first = [] if history.start is None else [history.start]
    others = np.setdiff1d(np.arange(n), [*best, *first])
    rng = np.random.default_rng(history.n_asked)
    drawn = rng.choice(others, min(len(others), _MOST - len(best) - len(first)), replace=False)
    rows = np.unique(np.concatenate([best, first, drawn]).astype(int))
    start = None if history.start is None else int(np.searchsorted(rows, history.start))
    return replace(
        history,
        x=history.x[rows],
        metrics=history.metrics[rows],
        failed=history.failed[rows],
        start=start,
        timing=None,
    )
