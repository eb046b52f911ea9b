"""What is trained: two parametrizations of a bank's elements, and bounds that keep them real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from spiceloop.filterbank.cell import FilterCell
from spiceloop.filterbank.elements import UNIT_CAPACITOR, UNIT_TRANSCONDUCTANCE, Elements
from spiceloop.filterbank.gm_law import GmLaw

__all__ = ["PARAMETRIZATIONS", "BiasAndCapacitors", "Bounds", "Parametrization", "ScalingFactors"]


@dataclass(frozen=True)
class Bounds:
    """Limits that keep the parts realisable and the filters inside the sampled band.

    ``capacitor`` in F, ``current`` in A (each device's bias), ``f0`` in Hz, ``q`` without unit.
    """

    capacitor: tuple[float, float] = (0.32e-12, 32e-12)
    current: tuple[float, float] = (10e-12, 1e-6)
    f0: tuple[float, float] = (50.0, 7500.0)
    q: tuple[float, float] = (0.5, 16.0)

    def apply(self, cell: FilterCell, elements: Elements, law: GmLaw) -> Elements:
        """Return the nearest elements inside the bounds.

        f0 and Q are brought back by the transconductances alone; then each part is clamped, which
        wins where the two cannot both be had.
        """
        c = elements.c.clamp(*self.capacitor)
        inside = Elements(elements.gm, c)
        q = cell.transfer(inside).q
        inside = cell.damped(inside, q / q.clamp(*self.q))
        f0 = cell.transfer(inside).f0
        inside = inside.scaled(gm=f0.clamp(*self.f0) / f0)
        gm = law.gm(law.current(inside.gm).clamp(*self.current))
        return Elements(gm, c)

    def apply_to_scales(self, cell: FilterCell, elements: Elements, law: GmLaw) -> Elements:
        """Return elements inside the bounds whose ratios within a channel are unchanged.

        Q follows from the ratios and stays what it is. The parts' limits win over f0's, and of a
        part's limits the upper one.
        """
        inside = elements.scaled(c=_scale_into(elements.c, *self.capacitor))
        f0 = cell.transfer(inside).f0
        inside = inside.scaled(gm=f0.clamp(*self.f0) / f0)
        low, high = law.gm(inside.gm.new_tensor(self.current)).tolist()
        return inside.scaled(gm=_scale_into(inside.gm, low, high))


class Parametrization(Protocol):
    """A module whose parameters give a bank's elements."""

    def elements(self) -> Elements:
        """Return the elements that the parameters stand for now."""
        ...

    def set_elements(self, elements: Elements) -> None:
        """Move the parameters so that they stand for ``elements`` (the nearest they can)."""
        ...

    def project(self, cell: FilterCell, bounds: Bounds, law: GmLaw) -> None:
        """Bring the parameters inside ``bounds``; do nothing where they are."""
        ...


class ScalingFactors(nn.Module):
    """The source paper's idea: two trainable scaling factors a channel.

    α multiplies the unit capacitor (3.2 pF), β the unit transconductance (3.84 nS). The ratios
    between a channel's own elements stay as they were at the start, so that f0 = 95.5 Hz·β/α for
    the super-source-follower cell while Q and gain keep their initial level.

    Parameters ``log_alpha``, ``log_beta``: (channels,), natural logarithms.
    """

    def __init__(self, start: Elements, law: GmLaw) -> None:
        super().__init__()
        alpha, beta = _level(start.c) / UNIT_CAPACITOR, _level(start.gm) / UNIT_TRANSCONDUCTANCE
        self.log_alpha = nn.Parameter(alpha.log())
        self.log_beta = nn.Parameter(beta.log())
        self.register_buffer("c_ratio", start.c / alpha[:, None])
        self.register_buffer("gm_ratio", start.gm / beta[:, None])

    def elements(self) -> Elements:
        """Return α and β times the ratios."""
        ratios = Elements(cast(Tensor, self.gm_ratio), cast(Tensor, self.c_ratio))
        return ratios.scaled(gm=self.log_beta.exp(), c=self.log_alpha.exp())

    @torch.no_grad()
    def set_elements(self, elements: Elements) -> None:
        """Take the geometric means; the ratios stay."""
        self.log_alpha.copy_((_level(elements.c) / UNIT_CAPACITOR).log())
        self.log_beta.copy_((_level(elements.gm) / UNIT_TRANSCONDUCTANCE).log())

    def project(self, cell: FilterCell, bounds: Bounds, law: GmLaw) -> None:
        """Bring each channel's α and β inside together; Q is not theirs to change."""
        self.set_elements(bounds.apply_to_scales(cell, self.elements().detach(), law))


class BiasAndCapacitors(nn.Module):
    """Every bias current and every capacitor for itself (I1, I2, C1, C2 of the paper's cell).

    Parameters ``log_current`` (channels, transconductances), in ln A, and ``log_c``
    (channels, capacitors), in ln F. f0, Q and gain all become trainable.
    """

    def __init__(self, start: Elements, law: GmLaw) -> None:
        super().__init__()
        self.law = law
        self.log_current = nn.Parameter(law.current(start.gm).log())
        self.log_c = nn.Parameter(start.c.log())

    def elements(self) -> Elements:
        """Return gm(I) and C."""
        return Elements(self.law.gm(self.log_current.exp()), self.log_c.exp())

    @torch.no_grad()
    def set_elements(self, elements: Elements) -> None:
        """Take the currents that give these transconductances."""
        self.log_current.copy_(self.law.current(elements.gm).log())
        self.log_c.copy_(elements.c.log())

    def project(self, cell: FilterCell, bounds: Bounds, law: GmLaw) -> None:
        """Bring every current and capacitor inside by itself."""
        self.set_elements(bounds.apply(cell, self.elements().detach(), law))


PARAMETRIZATIONS: dict[str, type[ScalingFactors] | type[BiasAndCapacitors]] = {
    "scaling": ScalingFactors,
    "currents": BiasAndCapacitors,
}


def _level(values: Tensor) -> Tensor:
    """Return the geometric mean of a channel's elements, (channels,)."""
    return values.detach().log().mean(1).exp()


def _scale_into(values: Tensor, low: float, high: float) -> Tensor:
    """Return the factor nearest 1, (channels,), that brings a channel's values into the range."""
    lowest, highest = low / values.amin(1), high / values.amax(1)
    return torch.ones_like(lowest).clamp(lowest, highest)
