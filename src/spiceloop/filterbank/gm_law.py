"""How a transconductance follows from a bias current, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

__all__ = ["BOLTZMANN", "Ekv", "GmLaw", "WeakInversion", "thermal_voltage"]

BOLTZMANN = 1.380649e-23
_ELEMENTARY_CHARGE = 1.602176634e-19


def thermal_voltage(temperature: float) -> float:
    """Return U_T = kT/q in V at ``temperature`` in °C."""
    return BOLTZMANN * (temperature + 273.15) / _ELEMENTARY_CHARGE


class GmLaw(Protocol):
    """A one-to-one relation between a device's drain current (A) and its gm (S)."""

    @property
    def temperature(self) -> float:
        """The temperature in °C."""
        ...

    def gm(self, current: Tensor) -> Tensor:
        """Return gm in S."""
        ...

    def current(self, gm: Tensor) -> Tensor:
        """Return the current in A that gives ``gm``."""
        ...


@dataclass(frozen=True)
class WeakInversion:
    """gm = I/(n·U_T): exact for currents far below the specific current."""

    n: float = 1.3
    temperature: float = 27.0

    def gm(self, current: Tensor) -> Tensor:
        """Return gm in S."""
        return current / (self.n * thermal_voltage(self.temperature))

    def current(self, gm: Tensor) -> Tensor:
        """Return the current in A that gives ``gm``."""
        return gm * (self.n * thermal_voltage(self.temperature))


@dataclass(frozen=True)
class Ekv:
    """The EKV model's relation for all regions.

    gm = I/(n·U_T) / (½ + √(¼ + IC)) with the inversion coefficient IC = I/I_spec (Enz,
    Krummenacher, Vittoz, 1995). ``specific_current`` in A, of the device with its W/L.
    """

    n: float = 1.3
    specific_current: float = 1e-7
    temperature: float = 27.0

    def gm(self, current: Tensor) -> Tensor:
        """Return gm in S."""
        slope = self.n * thermal_voltage(self.temperature)
        return current / slope / (0.5 + (0.25 + current / self.specific_current).sqrt())

    def current(self, gm: Tensor) -> Tensor:
        """Return the current in A: with g = gm·n·U_T it is g·(1 + g/I_spec)."""
        g = gm * (self.n * thermal_voltage(self.temperature))
        return g * (1 + g / self.specific_current)
