"""Scrambled Sobol points.

A. B. Owen, "Scrambling Sobol' and Niederreiter-Xing points", J. Complexity 14(4), 1998. One
sequence a study, scrambled by the study's seed; trial number ``n_asked`` is its point ``n_asked``.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import qmc

from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.pick import Taken, fill

__all__ = ["Sobol"]


class Sobol:
    """Quasi-random search: what every study begins with, and the baseline to beat."""

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return "sobol"

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`."""
        d = len(task.space)
        taken = Taken(task.space, history.x, history.pending)
        rng = np.random.default_rng([seed, history.n_asked])
        with warnings.catch_warnings():
            # Balance needs a power of two points at once; a sequence that is continued has it
            # whenever it gets there.
            warnings.simplefilter("ignore", UserWarning)
            sequence = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed))
            points = sequence.random(history.n_asked + n)[history.n_asked :]
        return np.array([fill(taken, [point], rng) for point in points]).reshape(n, d)
