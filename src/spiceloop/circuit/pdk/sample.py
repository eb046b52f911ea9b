"""One die of a Monte Carlo run: which random deviations of the process a simulation sees."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sample"]


@dataclass(frozen=True)
class Sample:
    """Die ``number`` of the sequence that ``seed`` starts.

    ``mismatch`` varies each device by itself, ``process`` the whole die together. The same sample
    gives the same deviations to equally named devices in every testbench, corner and design.
    """

    seed: int
    number: int
    mismatch: bool = True
    process: bool = True
