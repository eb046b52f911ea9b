"""Filter cells: elements in, H(s) and noise out. A further cell is one class like these.

`SuperSourceFollower` is the cell of the source paper; `GmCBiquad` the textbook two-integrator loop
(R. Schaumann, M. Van Valkenburg, "Design of Analog Filters", ch. 16).
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from spiceloop.filterbank.elements import Elements, Transfer

__all__ = ["CELLS", "FilterCell", "GmCBiquad", "SuperSourceFollower", "make_cell"]


class FilterCell(Protocol):
    """A differential second-order band-pass made of transconductors and capacitors."""

    @property
    def name(self) -> str:
        """What a configuration calls it."""
        ...

    @property
    def transconductances(self) -> tuple[str, ...]:
        """The names of an `Elements.gm` row."""
        ...

    @property
    def capacitors(self) -> tuple[str, ...]:
        """The names of an `Elements.c` row."""
        ...

    def transfer(self, elements: Elements) -> Transfer:
        """Return H(s) from the differential input to the differential output."""
        ...

    def design(self, f0: Tensor, q: Tensor, gain: Tensor, capacitor: float) -> Elements:
        """Return elements with this f0 (Hz), Q and peak gain, each (channels,).

        The capacitors' geometric mean is ``capacitor`` (F).
        """
        ...

    def damped(self, elements: Elements, factor: Tensor) -> Elements:
        """Return elements with Q divided by ``factor`` (channels,) at the same f0."""
        ...

    def noise_transfers(self, elements: Elements) -> Tensor:
        """Return how each transconductor's noise current reaches the output of one half.

        (channels, transconductances, 2): b1 and b0 of (b1·s + b0) / (s² + d1·s + d0), in Ω·rad/s
        and Ω·(rad/s)².
        """
        ...


class SuperSourceFollower:
    """Super-source-follower band-pass: output at the drain of the follower's input device.

    Half circuit (capacitors 2·C1 and 2·C2 to ground, vA the output, vo the follower's source)::

        2·C1·s·vA = -gm1·(vin - vo)
        2·C2·s·vo =  gm1·(vin - vo) - gm2·vA

        H(s) = -(gm1/2C1)·s / (s² + (gm1/2C2)·s + gm1·gm2/(4·C1·C2))

    so ω0 = ½·√(gm1·gm2/(C1·C2)), Q = √(gm2·C2/(gm1·C1)), peak gain = C2/C1.
    """

    name = "super-source-follower"
    transconductances = ("gm1", "gm2")
    capacitors = ("c1", "c2")

    def transfer(self, elements: Elements) -> Transfer:
        """Return H(s); see the class."""
        (gm1, gm2), (c1, c2) = elements.gm.unbind(1), elements.c.unbind(1)
        return Transfer(-gm1 / (2 * c1), gm1 / (2 * c2), gm1 * gm2 / (4 * c1 * c2))

    def design(self, f0: Tensor, q: Tensor, gain: Tensor, capacitor: float) -> Elements:
        """Return elements for f0, Q and gain; √(C1·C2) is ``capacitor``."""
        w0 = 2 * math.pi * f0
        c1, c2 = capacitor / gain.sqrt(), capacitor * gain.sqrt()
        return Elements(
            torch.stack([2 * w0 * c2 / q, 2 * w0 * c1 * q], 1), torch.stack([c1, c2], 1)
        )

    def damped(self, elements: Elements, factor: Tensor) -> Elements:
        """Return gm1 times and gm2 divided by ``factor``: their product, so f0, stays."""
        gm1, gm2 = elements.gm.unbind(1)
        return Elements(torch.stack([gm1 * factor, gm2 / factor], 1), elements.c)

    def noise_transfers(self, elements: Elements) -> Tensor:
        """Return the transfers of M1's noise (drain to source) and M2's (source node to ground)."""
        gm1, (c1, c2) = elements.gm[:, 0], elements.c.unbind(1)
        zero = torch.zeros_like(gm1)
        first = torch.stack([-1 / (2 * c1), zero], 1)
        second = torch.stack([zero, gm1 / (4 * c1 * c2)], 1)
        return torch.stack([first, second], 1)


class GmCBiquad:
    """Two-integrator gm-C loop with its own input and damping transconductors.

    Half circuit (capacitors 2·C1 and 2·C2 to ground, v1 the output)::

        2·C1·s·v1 = gm_in·vin - gm_q·v1 - gm_1·v2
        2·C2·s·v2 = gm_2·v1

        H(s) = (gm_in/2C1)·s / (s² + (gm_q/2C1)·s + gm_1·gm_2/(4·C1·C2))

    so ω0 = ½·√(gm_1·gm_2/(C1·C2)), Q = √(gm_1·gm_2·C1/C2)/gm_q, peak gain = gm_in/gm_q.
    """

    name = "gm-c-biquad"
    transconductances = ("gm_in", "gm_q", "gm_1", "gm_2")
    capacitors = ("c1", "c2")

    def transfer(self, elements: Elements) -> Transfer:
        """Return H(s); see the class."""
        (gm_in, gm_q, gm_1, gm_2), (c1, c2) = elements.gm.unbind(1), elements.c.unbind(1)
        return Transfer(gm_in / (2 * c1), gm_q / (2 * c1), gm_1 * gm_2 / (4 * c1 * c2))

    def design(self, f0: Tensor, q: Tensor, gain: Tensor, capacitor: float) -> Elements:
        """Return elements for f0, Q and gain with equal capacitors and equal loop gms."""
        loop = 4 * math.pi * f0 * capacitor
        c = torch.full_like(f0, capacitor)
        return Elements(
            torch.stack([gain * loop / q, loop / q, loop, loop], 1), torch.stack([c, c], 1)
        )

    def damped(self, elements: Elements, factor: Tensor) -> Elements:
        """Return gm_q times ``factor``, and gm_in with it, so that the gain stays too."""
        gm_in, gm_q, gm_1, gm_2 = elements.gm.unbind(1)
        return Elements(torch.stack([gm_in * factor, gm_q * factor, gm_1, gm_2], 1), elements.c)

    def noise_transfers(self, elements: Elements) -> Tensor:
        """Return the transfers of gm_in, gm_q, gm_1 (into v1's node) and gm_2 (into v2's)."""
        (_, _, gm_1, _), (c1, c2) = elements.gm.unbind(1), elements.c.unbind(1)
        zero = torch.zeros_like(gm_1)
        into_v1 = torch.stack([1 / (2 * c1), zero], 1)
        into_v2 = torch.stack([zero, -gm_1 / (4 * c1 * c2)], 1)
        return torch.stack([into_v1, into_v1, into_v1, into_v2], 1)


CELLS: dict[str, type[SuperSourceFollower] | type[GmCBiquad]] = {
    SuperSourceFollower.name: SuperSourceFollower,
    GmCBiquad.name: GmCBiquad,
}


def make_cell(name: str) -> FilterCell:
    """Return the cell of this name; ValueError lists the names there are."""
    if name not in CELLS:
        raise ValueError(f"no filter cell {name!r}; there are {', '.join(sorted(CELLS))}")
    return CELLS[name]()
