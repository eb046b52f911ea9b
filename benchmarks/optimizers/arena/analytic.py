"""Problems of closed form: sanity, not evidence.

``c2dtlz2``: H. Jain, K. Deb, "An Evolutionary Many-Objective Optimization Algorithm Using
Reference-Point Based Nondominated Sorting Approach, Part II", IEEE Trans. Evol. Comput. 18(4),
2014. ``czdt1``: ZDT1 of E. Zitzler, K. Deb, L. Thiele, "Comparison of Multiobjective Evolutionary
Algorithms", Evol. Comput. 8(2), 2000, with a disc cut out of the middle of its front. ``dtlz2``:
K. Deb, L. Thiele, M. Laumanns, E. Zitzler, "Scalable Multi-Objective Optimization Test Problems",
CEC 2002; four objectives and no bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt.base import Constraint, Goal, Task

__all__ = ["CLOSED_FORMS", "ClosedForm"]


class ClosedForm(Protocol):
    """A task and the function behind it."""

    @property
    def task(self) -> Task:
        """What an optimizer is told."""
        ...

    def evaluate(self, design: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics of a design."""
        ...


def _cube(d: int) -> DesignSpace:
    return DesignSpace(tuple(Variable(f"x{i}", 0.0, 1.0) for i in range(d)))


def _task(d: int) -> Task:
    goals = (Goal("f1", False, "linear"), Goal("f2", False, "linear"))
    return Task(_cube(d), goals, (Constraint("c", minimum=0.0, scale="linear"),))


@dataclass(frozen=True)
class C2Dtlz2:
    """Two objectives; feasible only near the front's ends and its middle."""

    d: int = 12
    radius: float = 0.2

    @property
    def task(self) -> Task:
        """See `ClosedForm`."""
        return _task(self.d)

    def evaluate(self, design: Mapping[str, float]) -> dict[str, float]:
        """See `ClosedForm`."""
        x = np.array([design[f"x{i}"] for i in range(self.d)])
        g = float(((x[1:] - 0.5) ** 2).sum())
        f = (1.0 + g) * np.array([np.cos(0.5 * np.pi * x[0]), np.sin(0.5 * np.pi * x[0])])
        ends = [(f[i] - 1.0) ** 2 + (f**2).sum() - f[i] ** 2 - self.radius**2 for i in range(2)]
        # As BoTorch has it; pymoo takes r² off once.
        middle = ((f - 1.0 / np.sqrt(2.0)) ** 2 - self.radius**2).sum()
        return {"f1": float(f[0]), "f2": float(f[1]), "c": float(-min(*ends, middle))}


@dataclass(frozen=True)
class CZdt1:
    """ZDT1 outside of a disc of radius 0.25 around a point of its front."""

    d: int = 8

    @property
    def task(self) -> Task:
        """See `ClosedForm`."""
        return _task(self.d)

    def evaluate(self, design: Mapping[str, float]) -> dict[str, float]:
        """See `ClosedForm`."""
        x = np.array([design[f"x{i}"] for i in range(self.d)])
        g = 1.0 + 9.0 * float(x[1:].mean())
        f1, f2 = float(x[0]), float(g * (1.0 - np.sqrt(x[0] / g)))
        return {"f1": f1, "f2": f2, "c": (f1 - 0.3) ** 2 + (f2 - 1 + np.sqrt(0.3)) ** 2 - 0.0625}


@dataclass(frozen=True)
class Dtlz2:
    """The front is the positive part of the unit sphere."""

    d: int = 8
    k: int = 4

    @property
    def task(self) -> Task:
        """See `ClosedForm`."""
        names = [f"f{i + 1}" for i in range(self.k)]
        return Task(_cube(self.d), tuple(Goal(name, False, "linear") for name in names))

    def evaluate(self, design: Mapping[str, float]) -> dict[str, float]:
        """See `ClosedForm`."""
        x = np.array([design[f"x{i}"] for i in range(self.d)])
        angles, rest = 0.5 * np.pi * x[: self.k - 1], x[self.k - 1 :]
        radius = 1.0 + float(((rest - 0.5) ** 2).sum())
        # f_1 = r·cos·cos·…, f_2 the same with the last cosine a sine, …, f_k = r·sin of the first.
        cosines = np.cumprod(np.concatenate([[1.0], np.cos(angles)]))[::-1]
        sines = np.concatenate([[1.0], np.sin(angles[::-1])])
        f = radius * cosines * sines
        return {f"f{i + 1}": float(value) for i, value in enumerate(f)}


CLOSED_FORMS: dict[str, ClosedForm] = {"c2dtlz2": C2Dtlz2(), "czdt1": CZdt1(), "dtlz2": Dtlz2()}
