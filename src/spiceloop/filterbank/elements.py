"""What a channel is made of: transconductances and capacitors, one row a channel."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

__all__ = ["UNIT_CAPACITOR", "UNIT_TRANSCONDUCTANCE", "Elements", "Transfer"]

# The units of Hu, Goh, Gao, "AI-Powered Agile Analog Circuit Design and Optimization" (2025): with
# both at scale 1 a channel sits at 95.5 Hz.
UNIT_CAPACITOR = 3.2e-12
UNIT_TRANSCONDUCTANCE = 3.84e-9


@dataclass(frozen=True)
class Elements:
    """The elements of every channel, in the order that the cell names them.

    ``gm``: (channels, transconductances) in S; ``c``: (channels, capacitors) in F. Float64.
    """

    gm: Tensor
    c: Tensor

    def scaled(self, *, gm: Tensor | float = 1.0, c: Tensor | float = 1.0) -> Elements:
        """Multiply every gm and every capacitor of a channel; factors (channels,) or a number."""

        def column(factor: Tensor | float) -> Tensor | float:
            return factor[:, None] if isinstance(factor, Tensor) else factor

        return Elements(self.gm * column(gm), self.c * column(c))

    def detach(self) -> Elements:
        """Return the same values outside the graph."""
        return Elements(self.gm.detach(), self.c.detach())


@dataclass(frozen=True)
class Transfer:
    """A band-pass H(s) = ``b``·s / (s² + ``d1``·s + ``d0``) a channel; each (channels,).

    ``b`` and ``d1`` in rad/s, ``d0`` in (rad/s)².
    """

    b: Tensor
    d1: Tensor
    d0: Tensor

    @property
    def f0(self) -> Tensor:
        """Centre frequency in Hz, (channels,)."""
        return self.d0.sqrt() / (2 * math.pi)

    @property
    def q(self) -> Tensor:
        """Quality factor, (channels,)."""
        return self.d0.sqrt() / self.d1

    @property
    def gain(self) -> Tensor:
        """Magnitude at f0, (channels,)."""
        return (self.b / self.d1).abs()

    def at(self, frequency: Tensor) -> Tensor:
        """Return H(j2πf), complex (channels, frequencies), for ``frequency`` in Hz."""
        w = 2 * math.pi * frequency[None, :]
        denominator = (self.d0[:, None] - w * w) + 1j * (w * self.d1[:, None])
        return 1j * (w * self.b[:, None]) / denominator
