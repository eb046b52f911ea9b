"""What an optimizer is: a function from a study's history to the next points of the unit cube.

An optimizer holds no state of its own. Everything that it may know stands in `History`, and
randomness comes from the seed it is given, so a study that was killed goes on exactly as if it had
not been. ``tests/contract/test_optimizers.py`` runs the same suite on every implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from spiceloop.circuit.design_space import DesignSpace

__all__ = ["Constraint", "Goal", "History", "Optimizer", "Task"]

Floats = npt.NDArray[np.float64]
Scale = Literal["auto", "log", "linear"]


@dataclass(frozen=True)
class Goal:
    """One objective: a metric to maximize or minimize. ``scale`` says how to model it."""

    metric: str
    maximize: bool
    scale: Scale = "auto"


@dataclass(frozen=True)
class Constraint:
    """One bound on a metric; either side may be absent. Met when minimum ≤ metric ≤ maximum."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    scale: Scale = "auto"


@dataclass(frozen=True)
class Task:
    """What is to be optimized, as far as an optimizer needs to know.

    ``n_initial`` is the number of quasi-random trials before the model guides; the start design,
    if the study has one, is not counted among them.
    """

    space: DesignSpace
    goals: tuple[Goal, ...]
    constraints: tuple[Constraint, ...] = ()
    n_initial: int = 10


@dataclass(frozen=True)
class History:
    """What a study knows, rows in trial order.

    ``x`` (n, d): designs of finished trials in the unit cube, failed ones included.
    ``metrics`` (n, m): SI values of ``metric_names``; NaN throughout for a failed trial.
    ``failed`` (n,): True where the simulation failed.
    ``pending`` (p, d): designs being simulated now.
    ``start`` row index of the designer's start design in ``x``, or None.
    ``n_asked``: how many trials were asked of optimizers before (finished, failed and pending,
    the start not counted); a Sobol sequence continues from there.
    """

    x: Floats
    metrics: Floats
    metric_names: tuple[str, ...]
    failed: npt.NDArray[np.bool_]
    pending: Floats
    n_asked: int
    start: int | None = None


class Optimizer(Protocol):
    """Proposes designs."""

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        ...

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """Return ``n`` new points, shape (n, d), in the unit cube and on the grid.

        The same arguments give the same points. No point repeats one of ``history.x`` or
        ``history.pending`` unless the whole grid is used up. Any history is accepted: empty, all
        failed, one point, no feasible point.
        """
        ...
