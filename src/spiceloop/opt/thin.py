"""Few trials of many, so that a model's cost, their third power, does not grow without end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spiceloop.opt.base import History, Task
from spiceloop.opt.population import best_first

__all__ = ["MOST", "initial_rows", "thinned"]

MOST = 200
_BEST = 0.6  # of the rows
_MOST_INITIAL = 50


def initial_rows(task: Task, history: History) -> int:
    """Return how many rows, from the first, are the start and initial trials."""
    return min(task.n_initial + (history.start is not None), _MOST_INITIAL, len(history.x))


def thinned(task: Task, history: History) -> History:
    """Return the history with at most `MOST` rows.

    The start and the initial trials stay, which tell what the space is like; the best; and
    some of the rest.
    """
    n = len(history.x)
    if n <= MOST:
        return history
    best = best_first(task, history, int(_BEST * MOST))
    start = history.start
    first = range(initial_rows(task, history))
    kept = np.union1d(best, [*first, *(() if start is None else (start,))]).astype(int)
    others = np.setdiff1d(np.arange(n), kept)
    rng = np.random.default_rng(history.n_asked)
    drawn = rng.choice(others, min(len(others), MOST - len(kept)), replace=False)
    rows = np.union1d(kept, drawn)
    return replace(
        history,
        x=history.x[rows],
        metrics=history.metrics[rows],
        failed=history.failed[rows],
        start=None if start is None else int(np.searchsorted(rows, start)),
        timing=None,
    )
