"""What a bank costs: supply power in W and capacitor area in m²."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from spiceloop.filterbank.elements import Elements
from spiceloop.filterbank.gm_law import GmLaw

__all__ = ["Costs"]


@dataclass(frozen=True)
class Costs:
    """``supply`` in V; ``capacitor_density`` in F/m² (2 fF/µm² is a MIM capacitor's)."""

    supply: float = 1.8
    capacitor_density: float = 2e-3

    def power(self, elements: Elements, law: GmLaw) -> Tensor:
        """Return each channel's power in W: every transconductor draws its current in both halves.

        Shape (channels,).
        """
        return 2 * self.supply * law.current(elements.gm).sum(1)

    def area(self, elements: Elements) -> Tensor:
        """Return each channel's capacitor area in m², (channels,); the capacitors float."""
        return elements.c.sum(1) / self.capacitor_density
