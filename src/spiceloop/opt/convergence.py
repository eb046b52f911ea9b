"""When a front has stopped growing: the rule of ``--stop-when-converged``, and its evidence.

The rule: the latter half of the trials, 20 at least, has added less than 1 % to the feasible
hypervolume, and ten feasible designs were known before. The window grows with the study because
hypervolume grows with the logarithm of the number of trials, more or less: on that law as many
trials again would add what the latter half has added, so the rule stops where doubling the budget
promises less than 1 %. It asks for no model, so it holds for every optimizer.

That the growth of hypervolume over a window of the past is to fall below a threshold is the
criterion of T. Wagner, H. Trautmann, L. Martí, "A taxonomy of online stopping criteria for
multi-objective evolutionary algorithms", EMO 2011, section 4, in its plainest form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spiceloop.opt.base import History, Task
from spiceloop.opt.growth import relative_volumes
from spiceloop.opt.pareto import feasible_mask

__all__ = ["THRESHOLD", "Convergence", "convergence", "next_look"]

THRESHOLD = 0.01
_FIRST_LOOK = 40  # trials
_STEP = 1.1  # of the number of trials, from one look to the next
_FEASIBLE = 10
_DOUBLINGS = 4  # shown


@dataclass(frozen=True)
class Convergence:
    """The evidence at the latest look: ``volumes`` after so many ``trials``, shares of the last.

    The last two are those that the rule compares; ``feasible`` designs were known at the former.
    """

    trials: tuple[int, ...]
    volumes: tuple[float, ...]
    feasible: int

    @property
    def growth(self) -> float:
        """What the latter half of the trials has added, as a share of the volume."""
        return self.volumes[-1] - self.volumes[-2]

    @property
    def predicted(self) -> float:
        """What as many trials again would add if growth went on to fall from doubling to doubling
        as it last did; never more than the latest growth.
        """
        before = self.volumes[-2] - self.volumes[-3]
        return self.growth * min(self.growth / before, 1.0) if before > 0 else self.growth

    @property
    def converged(self) -> bool:
        """Whether the rule holds."""
        return self.feasible >= _FEASIBLE and self.growth < THRESHOLD


def next_look(n: int) -> int:
    """Return the number of ended trials, above ``n``, at which the rule is looked at next."""
    look = _FIRST_LOOK
    while look <= n:
        look = int(np.ceil(look * _STEP))
    return look


def convergence(task: Task, history: History, earlier: int = 0) -> Convergence | None:
    """Return the evidence at the latest look, None before the first.

    Looks are at fixed numbers of trials, so that a run which is resumed ends where it would have.
    The first ``earlier`` rows, of another study, count to the front and not as trials.
    """
    n = len(history.x) - earlier
    if n < _FIRST_LOOK:
        return None
    look = _FIRST_LOOK
    while next_look(look) <= n:
        look = next_look(look)
    seen = replace(
        history,
        x=history.x[: earlier + look],
        metrics=history.metrics[: earlier + look],
        failed=history.failed[: earlier + look],
        timing=None,
    )
    volumes = relative_volumes(task, seen)
    feasible = feasible_mask(task, seen.metrics, seen.metric_names)
    marks = [look >> i for i in range(_DOUBLINGS)][::-1]
    return Convergence(
        tuple(marks),
        tuple(float(volumes[earlier + m - 1]) for m in marks),
        int(feasible[: earlier + marks[-2]].sum()),
    )
