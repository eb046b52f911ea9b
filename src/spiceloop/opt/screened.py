"""Population search whose children are looked at by the model before they are simulated.

Of many children of `population` each proposal is the best in the acquisition of `ehvi` among its
share of them, so one thought, a good part of a model-guided one, serves a whole batch: for
simulations that are much shorter than a thought. Pre-selection of offspring by a surrogate:
M. Emmerich, K. Giannakoglou, B. Naujoks, "Single- and multiobjective evolutionary optimization
assisted by Gaussian random field metamodels", IEEE Trans. Evol. Comput. 10(4), 2006.
"""

from __future__ import annotations

import numpy as np
import torch

from spiceloop.opt.base import Choice, Floats, History, Task
from spiceloop.opt.ehvi import acquisition_of
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.population import Population, child_of, parents_of
from spiceloop.opt.search import values_of
from spiceloop.opt.threads import one_thread

__all__ = ["Screened"]

# Children that compete for one place in the batch.
_RIVALS = 48
# Designs of a batch: as many as take this many times as long to simulate as to choose.
_WORTH, _FEWEST, _MOST = 2.0, 8, 64


class Screened:
    """Constrained evolution with a surrogate, a function of the history like every optimizer."""

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return "screened"

    def choose(self, task: Task, history: History) -> Choice:
        """See `spiceloop.opt.base.Chooser.choose`."""
        if history.n_asked < task.n_initial:
            return Choice("initial", task.n_initial, "")
        return Choice("population", batch_of(history), "")

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`.

        Sobol points where `Population` has them, and until four trials have finished.
        """
        parents = parents_of(task, history)
        if history.n_asked < task.n_initial or len(parents) < 4:
            return Population().ask(task, history, n, seed)
        rng = np.random.default_rng([seed, history.n_asked, len(history.pending)])
        taken = Taken(task.space, history.x, history.pending)
        children = np.array([child_of(parents, rng) for _ in range(_RIVALS * n)])
        children = task.space.snap_unit(children)
        with one_thread():
            values = values_of(acquisition_of(task, history), torch.as_tensor(children)).numpy()
        shares = np.split(np.arange(len(children)), n)
        best_first = (share[np.argsort(-values[share], kind="stable")] for share in shares)
        return np.array([fill(taken, children[rows], rng) for rows in best_first])


def batch_of(history: History) -> int:
    """Return how many designs one choosing is to serve."""
    timing = history.timing
    if timing is None:
        return _FEWEST
    thoughts = timing.thinking_s[~timing.guided & (timing.thinking_s > 0)][-5:]
    simulation = float(np.median(timing.simulation_s[-100:])) if len(history.x) else 0.0
    if not len(thoughts) or simulation <= 0.0:
        return _FEWEST
    return int(np.clip(_WORTH * float(np.median(thoughts)) / simulation, _FEWEST, _MOST))
