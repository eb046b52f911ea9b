"""Thermal noise of a channel, in closed form."""

from __future__ import annotations

from torch import Tensor

from spiceloop.filterbank.cell import FilterCell
from spiceloop.filterbank.elements import Elements
from spiceloop.filterbank.gm_law import BOLTZMANN

__all__ = ["output_noise"]


def output_noise(
    cell: FilterCell, elements: Elements, *, temperature: float = 27.0, excess: float = 1.0
) -> Tensor:
    """Return the differential output noise in V rms, integrated over all frequencies, (channels,).

    Each transconductor of each half carries a current noise of 4kT·``excess``·gm (A²/Hz; in weak
    inversion shot noise gives ``excess`` = n/2). For a transfer (b1·s + b0)/(s² + d1·s + d0) the
    integral of |.|² over frequency is (b1² + b0²/d0)/(4·d1). Two halves double the power.
    """
    transfer = cell.transfer(elements)
    b1, b0 = cell.noise_transfers(elements).unbind(2)
    integral = (b1 * b1 + b0 * b0 / transfer.d0[:, None]) / (4 * transfer.d1[:, None])
    density = 4 * BOLTZMANN * (temperature + 273.15) * excess * elements.gm
    return (2 * (density * integral).sum(1)).sqrt()
