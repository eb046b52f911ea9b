"""A closed form for population searches: ZDT1 with a strip of x0 cut out."""

from __future__ import annotations

import numpy as np

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt.base import Constraint, Goal, History, Task

SPACE = DesignSpace(tuple(Variable(f"x{i}", 0.0, 1.0) for i in range(6)))
NAMES = ("f", "g", "c")
TASK = Task(
    SPACE,
    (Goal("f", False, "linear"), Goal("g", False, "linear")),
    (Constraint("c", minimum=0.0, scale="linear"),),
    n_initial=10,
)


def measure(x: np.ndarray) -> np.ndarray:
    """ZDT1 with a strip of x0 cut out."""
    g = 1.0 + 9.0 * x[:, 1:].mean(axis=1)
    return np.column_stack([x[:, 0], g - np.sqrt(g * x[:, 0]), np.abs(x[:, 0] - 0.5) - 0.1])


def history_of(x: np.ndarray, metrics: np.ndarray) -> History:
    failed = np.isnan(metrics).all(axis=1)
    return History(x, metrics, NAMES, failed, np.empty((0, 6)), len(x))
