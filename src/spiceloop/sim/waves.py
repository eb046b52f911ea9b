"""Waves: the plots that a simulation leaves behind, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spiceloop.sim.vector_names import spellings

__all__ = ["Plot", "Waves"]

Array = npt.NDArray[np.float64] | npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Plot:
    """One ngspice plot: ``name`` ("ac1"), ``kind`` ("ac"), its scale's name, vectors by name.

    Vectors are one-dimensional, real or complex, names in lower case; a node ``out`` is found as
    ``out`` and as ``v(out)``, a branch as ``i(vdd)`` and ``vdd#branch``.
    """

    name: str
    kind: str
    scale: str
    vectors: Mapping[str, Array] = field(default_factory=dict)
    title: str = ""

    def __getitem__(self, name: str) -> Array:
        for key in _all_names(name):
            if key in self.vectors:
                return self.vectors[key]
        raise KeyError(
            f"plot {self.name!r} has no vector {name!r}; it has {', '.join(sorted(self.vectors))}"
        )

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(k in self.vectors for k in _all_names(name))

    @property
    def x(self) -> Array:
        """The scale vector: frequency, time, or the swept source."""
        return self.vectors[self.scale]


@dataclass(frozen=True)
class Waves:
    """All plots of one run, oldest first; indexing finds the newest plot that has the vector."""

    plots: tuple[Plot, ...] = ()

    def __iter__(self) -> Iterator[Plot]:
        return iter(self.plots)

    def __len__(self) -> int:
        return len(self.plots)

    def __getitem__(self, vector: str) -> Array:
        for plot in reversed(self.plots):
            if vector in plot:
                return plot[vector]
        raise KeyError(
            f"no plot has a vector {vector!r}; plots: {', '.join(p.name for p in self.plots)}"
        )

    def of_kind(self, kind: str) -> tuple[Plot, ...]:
        """Plots of one kind ("dc", "ac", "tran", "noise", "op"), oldest first."""
        return tuple(p for p in self.plots if p.kind == kind)

    def plot(self, name: str) -> Plot:
        """Return the plot called ``name``, or else the newest plot of that kind."""
        for p in self.plots:
            if p.name == name:
                return p
        found = self.of_kind(name)
        if not found:
            raise KeyError(f"no plot {name!r}; plots: {', '.join(p.name for p in self.plots)}")
        return found[-1]


def _all_names(name: str) -> tuple[str, ...]:
    key = name.lower()
    return (key, *spellings(key))
