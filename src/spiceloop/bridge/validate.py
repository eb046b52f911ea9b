"""SPICE in the loop: simulate the bank that is being trained and compare it with the model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from spiceloop.bridge.bandpass import Bandpass, measure_bandpass
from spiceloop.bridge.decks import ac_deck, noise_deck
from spiceloop.bridge.to_netlist import output_nodes
from spiceloop.circuit.deck import Deck
from spiceloop.errors import SimulationError, TrainingError
from spiceloop.filterbank import Elements, FilterBank, FilterCell, Transfer
from spiceloop.sim import SimResult, Simulator, make_simulator
from spiceloop.units import format_si

__all__ = ["TOLERANCE", "Bank", "BankCheck", "ChannelCheck", "SpiceCheck", "check_bank"]

# Ideal elements agree to rounding (1e-12 and better), so a thousandth of the peak is a fault.
TOLERANCE = 1e-3

_SMALLEST = 1e-300  # keeps the logarithm of a zero response finite
Floats = npt.NDArray[np.float64]
Bank = FilterBank | tuple[FilterCell, Elements]


@dataclass(frozen=True)
class ChannelCheck:
    """One channel, ``channel`` counted from 1: SPICE's figures, the model's, and how far apart.

    ``f0`` in Hz, ``q`` and ``gain`` are read off SPICE's sweep. ``error`` is the largest
    |H_spice − H_model| of the sweep over the model's peak gain; ``error_db`` the largest difference
    of the magnitudes inside the model's −3 dB band. NaN where SPICE's response has no such figure.
    """

    channel: int
    f0: float
    q: float
    gain: float
    f0_model: float
    q_model: float
    gain_model: float
    error: float
    error_db: float


@dataclass(frozen=True)
class BankCheck:
    """What SPICE says of every channel. ``seconds``: the whole check's wall clock.

    ``frequency`` (frequencies,) in Hz and ``response`` (channels, frequencies) are SPICE's sweep.
    """

    cell: str
    channels: tuple[ChannelCheck, ...]
    seconds: float
    frequency: Floats = field(repr=False, compare=False)
    response: npt.NDArray[np.complex128] = field(repr=False, compare=False)

    @property
    def f0(self) -> Floats:
        """SPICE's centre frequencies in Hz, (channels,)."""
        return np.array([c.f0 for c in self.channels])

    @property
    def q(self) -> Floats:
        """SPICE's quality factors, (channels,)."""
        return np.array([c.q for c in self.channels])

    @property
    def gain(self) -> Floats:
        """SPICE's peak gains, (channels,)."""
        return np.array([c.gain for c in self.channels])

    @property
    def errors(self) -> Floats:
        """Each channel's response error over its peak gain, (channels,)."""
        return np.array([c.error for c in self.channels])

    @property
    def worst(self) -> ChannelCheck:
        """The channel with the largest response error."""
        return max(self.channels, key=lambda c: c.error)

    @property
    def worst_error(self) -> float:
        """The largest response error, relative to its channel's peak gain."""
        return self.worst.error

    def require(self, tolerance: float = TOLERANCE) -> Self:
        """Return the check; raise TrainingError if an error exceeds ``tolerance``."""
        bad = [c for c in self.channels if not c.error <= tolerance]
        if not bad:
            return self
        worst = max(bad, key=lambda c: c.error)
        others = f" ({len(bad)} of {len(self.channels)} channels are over it)" if bad[1:] else ""
        raise TrainingError(
            f"SPICE contradicts the model in channel {worst.channel}: the responses differ by "
            f"{worst.error:.3g} of the peak gain, tolerance {tolerance:g}{others}\n"
            f"  SPICE: {_figures(worst.f0, worst.q, worst.gain)}\n"
            f"  model: {_figures(worst.f0_model, worst.q_model, worst.gain_model)}\n"
            "  compare the netlist (spiceloop.bridge.to_netlist.bank_netlist) with the cell's "
            "transfer(); raise the tolerance only if the netlist is meant to differ"
        )

    def rows(self) -> list[dict[str, float]]:
        """Return one row a channel for tables, with the fields of `ChannelCheck`."""
        return [asdict(c) for c in self.channels]

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; a figure that is not there becomes None."""
        return {
            "cell": self.cell,
            "seconds": self.seconds,
            "worst_error": _number(self.worst_error),
            "channels": [{k: _number(v) for k, v in row.items()} for row in self.rows()],
        }

    @classmethod
    def compare(
        cls,
        cell: FilterCell,
        elements: Elements,
        frequency: Floats,
        response: npt.NDArray[np.complex128],
        seconds: float = 0.0,
    ) -> Self:
        """Hold a simulated ``response`` (channels, frequencies) against the elements' H(s)."""
        transfer = cell.transfer(elements.detach())
        model = transfer.at(torch.from_numpy(frequency)).numpy()
        channels = tuple(
            _compare(k, transfer, frequency, response[k], model[k]) for k in range(len(response))
        )
        return cls(cell.name, channels, seconds, frequency, response)


class SpiceCheck:
    """Simulates banks, one after the other, by one simulator; use it as a context manager.

    ``simulator`` is a name (closed with the check) or a simulator (left open). ``timeout`` in
    seconds. Raises SetupError where the simulator is not installed.
    """

    def __init__(
        self, simulator: str | Simulator = "ngspice-lib", *, timeout: float = 60.0
    ) -> None:
        self._own = isinstance(simulator, str)
        self.simulator = make_simulator(simulator) if isinstance(simulator, str) else simulator
        self.timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the simulator, if it is the check's own; safe to call twice."""
        if self._own:
            self.simulator.close()

    def __call__(self, bank: Bank) -> BankCheck:
        """Simulate every channel's response and compare it with H(s).

        Raises TrainingError when the simulation fails, naming the bank and what ngspice said.
        """
        cell, elements = _parts(bank)
        return self.run(ac_deck(cell, elements), cell, elements)

    def run(self, deck: Deck, cell: FilterCell, elements: Elements) -> BankCheck:
        """Compare what ``deck`` gives on ``out1``… in an AC sweep with the elements' H(s)."""
        start = time.perf_counter()
        nodes = output_nodes(len(elements.gm))
        plot = self._simulate(deck, vectors=nodes).waves.plot("ac")
        response = np.array([plot[node] for node in nodes], np.complex128)
        frequency = np.array(np.real(plot.x), np.float64)
        check = BankCheck.compare(cell, elements, frequency, response)
        return replace(check, seconds=time.perf_counter() - start)

    def noise(self, bank: Bank, *, temperature: float | None = None, excess: float = 1.0) -> Floats:
        """Return each channel's integrated output noise as SPICE has it, V rms, (channels,).

        ``temperature`` in °C, by default that of the bank's gm law, 27 without one; ``excess`` as
        in `spiceloop.filterbank.noise`. Raises TrainingError when a simulation fails.
        """
        cell, elements = _parts(bank)
        if temperature is None:
            temperature = bank.law.temperature if isinstance(bank, FilterBank) else 27.0
        totals = []
        for channel in range(len(elements.gm)):
            deck = noise_deck(cell, elements, channel, temperature=temperature, excess=excess)
            result = self._simulate(deck, measures=("onoise_total",))
            totals.append(result.measures["onoise_total"])
        return np.array(totals)

    def _simulate(
        self, deck: Deck, *, vectors: Sequence[str] | None = None, measures: Sequence[str] = ()
    ) -> SimResult:
        try:
            return self.simulator.run(
                deck, measures=measures, vectors=vectors, timeout=self.timeout
            )
        except SimulationError as error:
            raise TrainingError(
                f"SPICE could not check the filters: {error}\n"
                "  `spiceloop doctor` tells whether the simulator works"
            ) from error


def check_bank(
    bank: Bank, simulator: str | Simulator = "ngspice-lib", *, tolerance: float = TOLERANCE
) -> BankCheck:
    """Simulate a bank once and return the check; TrainingError over ``tolerance``."""
    with SpiceCheck(simulator) as spice:
        return spice(bank).require(tolerance)


def _parts(bank: Bank) -> tuple[FilterCell, Elements]:
    if isinstance(bank, tuple):
        return bank[0], bank[1].detach()
    return bank.cell, bank.elements().detach()


def _compare(
    k: int,
    transfer: Transfer,
    frequency: Floats,
    spice: npt.NDArray[np.complex128],
    model: npt.NDArray[np.complex128],
) -> ChannelCheck:
    seen: Bandpass = measure_bandpass(frequency, spice)
    gain = float(transfer.gain[k])
    inside = np.abs(model) >= gain / np.sqrt(2)
    sizes = (np.maximum(np.abs(h[inside]), _SMALLEST) for h in (spice, model))
    decibels = np.subtract(*(20 * np.log10(size) for size in sizes))
    error = float(np.abs(spice - model).max()) / gain
    return ChannelCheck(
        channel=k + 1,
        f0=seen.f0,
        q=seen.q,
        gain=seen.gain,
        f0_model=float(transfer.f0[k]),
        q_model=float(transfer.q[k]),
        gain_model=gain,
        error=error if np.isfinite(error) else float("inf"),
        error_db=float(np.abs(decibels).max(initial=0.0)),
    )


def _figures(f0: float, q: float, gain: float) -> str:
    return f"f0 {format_si(f0, 'Hz')}, Q {q:.4g}, peak gain {gain:.4g}"


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
