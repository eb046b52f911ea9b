"""What an optimizer is: a function from a study's history to the next points of the unit cube.

An optimizer holds no state of its own. Everything that it may know stands in `History`, and
randomness comes from the seed it is given, so a study that was killed goes on exactly as if it had
not been. ``tests/contract/test_optimizers.py`` runs the same suite on every implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from spiceloop.circuit.design_space import DesignSpace

__all__ = [
    "Budget",
    "Choice",
    "Chooser",
    "Constraint",
    "Goal",
    "History",
    "Method",
    "Optimizer",
    "Task",
    "Timing",
]

Floats = npt.NDArray[np.float64]
Scale = Literal["auto", "log", "linear"]
Method = Literal["initial", "model", "population"]


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
class Budget:
    """What a study may use, whichever ends first: ``trials`` besides the start design, failed ones
    included, and ``seconds`` of running, thinking included. None: no limit.
    """

    trials: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Task:
    """What is to be optimized, as far as an optimizer needs to know.

    ``n_initial`` is the number of trials before the model guides, see `spiceloop.opt.initial`; the
    start design, if the study has one, is not counted among them.
    """

    space: DesignSpace
    goals: tuple[Goal, ...]
    constraints: tuple[Constraint, ...] = ()
    n_initial: int = 10
    budget: Budget = Budget()


@dataclass(frozen=True)
class Timing:
    """Measured seconds of the finished trials, rows as in `History`, recorded with each trial.

    ``simulation_s`` (n,): its evaluation. ``thinking_s`` (n,): the optimizer's before it, 0 for
    all but the first of a batch. ``clock_s`` (n,): what the study's clock, which stands still while
    no process runs it, showed when the trial ended. ``guided`` (n,): proposed by a model.
    """

    simulation_s: Floats
    thinking_s: Floats
    clock_s: Floats
    guided: npt.NDArray[np.bool_]


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
    ``timing``: what the rows took, None where it was not measured.
    """

    x: Floats
    metrics: Floats
    metric_names: tuple[str, ...]
    failed: npt.NDArray[np.bool_]
    pending: Floats
    n_asked: int
    start: int | None = None
    timing: Timing | None = None


@dataclass(frozen=True)
class Choice:
    """How the next ``n`` designs are to be proposed, and in words why so."""

    method: Method
    n: int
    reason: str


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


@runtime_checkable
class Chooser(Optimizer, Protocol):
    """An optimizer with several methods, or with batches of its own size."""

    def choose(self, task: Task, history: History) -> Choice:
        """Say how `ask` would answer this history, and how many designs it had best be asked for.

        Like `ask` a function of its arguments.
        """
        ...
