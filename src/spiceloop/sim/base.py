"""What a simulator is: a deck goes in, numbers and waves come out, or a `SimulationError`.

The contract, which ``tests/contract/test_simulators.py`` checks for every implementation:

- `Simulator.run` executes the deck as ``ngspice -b`` would: dot cards and ``.control`` blocks,
  several analyses and plots, a closing ``quit`` included.
- A wanted measure is looked up by name, without regard to case: results of ``.meas`` and ``meas``,
  of ``let`` (a scalar, newest plot first), of ``print`` and of ``echo name = value``, and any
  vector of length one (``@m.x1.xm3.m…[vdsat]``). A wanted measure that is absent or NaN raises.
- ``vectors=None`` returns no waves; ``("*",)`` returns every vector of every plot.
- After any failure, time-out and crash of the simulator included, the next `run` works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from spiceloop.circuit.deck import Deck
from spiceloop.sim.waves import Waves

__all__ = ["SimResult", "Simulator"]


@dataclass(frozen=True)
class SimResult:
    """What one run of one deck gave. Numbers are SI floats."""

    measures: Mapping[str, float]  # every scalar found, names in lower case
    waves: Waves = field(default_factory=Waves)
    log: str = ""  # the simulator's own output, standard output and error together
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


@runtime_checkable
class Simulator(Protocol):
    """Runs decks one at a time; not shared between threads, but for `close`."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``ngspice-lib``."""
        ...

    def version(self) -> str:
        """Version as the simulator states it, e.g. ``ngspice-39``."""
        ...

    def run(
        self,
        deck: Deck,
        *,
        measures: Sequence[str] = (),
        vectors: Sequence[str] | None = None,
        timeout: float = 60.0,
    ) -> SimResult:
        """Run the deck; ``timeout`` in seconds of wall clock. Raises `SimulationError`."""
        ...

    def close(self) -> None:
        """Free processes and folders; safe to call twice, from another thread to end a run."""
        ...
