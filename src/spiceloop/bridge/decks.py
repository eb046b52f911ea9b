"""Decks that analyse a bank: AC for its responses, noise of a channel, a waveform in time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spiceloop.bridge.to_netlist import bank_netlist, element_values
from spiceloop.circuit.deck import Deck
from spiceloop.filterbank import Elements, FilterCell

__all__ = ["LEAD", "ac_card", "ac_deck", "noise_deck", "oversampled", "transient_deck"]

LEAD = 32  # samples of silence before a waveform and after it
# ngspice's defaults belong to circuits of volts and microamperes; here femtoamperes and
# femtocoulombs count, and would all be taken for zero.
_TOLERANCES = ".options reltol=1e-6 vntol=1e-12 abstol=1e-21 chgtol=1e-24 trtol=1 method=trap"


def ac_card(cell: FilterCell, elements: Elements) -> str:
    """Return an ``.ac`` card that shows every channel's peak and both its −3 dB edges.

    The edges of s·b/(s² + d1·s + d0) are at f0·(√(1 + 1/4Q²) ± 1/2Q); the sweep goes twice as far,
    with 100 points a decade or more: about five within the narrowest pass-band. Raises
    TrainingError for elements that are not positive numbers.
    """
    element_values(cell, elements)
    transfer = cell.transfer(elements.detach())
    f0, half = transfer.f0, 1 / (2 * transfer.q)
    root = (1 + half * half).sqrt()
    low, high = float((f0 * (root - half)).min()) / 2, float((f0 * (root + half)).max()) * 2
    points = max(100, math.ceil(5 * math.log(10) * float(transfer.q.max())))
    return f".ac dec {points} {low!r} {high!r}"


def ac_deck(cell: FilterCell, elements: Elements) -> Deck:
    """Return a deck that sweeps all channels at once; read ``out1``… (see `output_nodes`)."""
    return _deck(cell, elements, analyses=(ac_card(cell, elements),))


def noise_deck(
    cell: FilterCell,
    elements: Elements,
    channel: int,
    *,
    temperature: float = 27.0,
    excess: float = 1.0,
    decades: float = 4.0,
) -> Deck:
    """Return a deck of one ``channel`` (from 0) whose ``onoise_total`` is its output noise, V rms.

    The sweep goes ``decades`` to either side of f0, 100 points each, Q times as many where Q is
    above 1; what lies outside is below 1e-4 of the whole.
    """
    element_values(cell, elements)
    one = Elements(elements.gm[channel : channel + 1], elements.c[channel : channel + 1])
    transfer = cell.transfer(one.detach())
    f0, points = float(transfer.f0), math.ceil(100 * max(1.0, float(transfer.q)))
    low, high = f0 / 10**decades, f0 * 10**decades
    return _deck(
        cell,
        one,
        analyses=(f".noise v(out1) Vin dec {points} {low!r} {high!r}",),
        temperature=temperature,
        excess=excess,
    )


def transient_deck(
    cell: FilterCell,
    elements: Elements,
    waveform: npt.ArrayLike,
    sample_rate: float,
    *,
    oversampling: int = 8,
) -> Deck:
    """Return a deck that plays ``waveform`` (samples,), in V, into the bank.

    Sample n is at (n + `LEAD`)/``sample_rate`` (Hz): a circuit at rest hears it from the beginning,
    what swings in ahead of the first sample included. The source is piecewise linear through
    ``oversampling`` points a sample, such that its band up to half of ``sample_rate`` is the
    waveform's. ngspice steps onto every point, so interpolating its result linearly at the
    samples' times adds no error.
    """
    points = oversampled(np.pad(np.asarray(waveform, np.float64), LEAD), oversampling)
    step = 1.0 / (sample_rate * oversampling)
    times = np.arange(len(points)) * step
    pairs = [f"{t!r} {v!r}" for t, v in zip(times.tolist(), points.tolist(), strict=True)]
    source = "\n+ ".join(["pwl(", *(" ".join(pairs[i : i + 4]) for i in range(0, len(pairs), 4))])
    last = float(times[-1])
    return _deck(
        cell,
        elements,
        source=source + ")",
        analyses=(_TOLERANCES, f".tran {step!r} {last!r} 0 {step!r}"),
    )


def oversampled(waveform: npt.ArrayLike, factor: int) -> npt.NDArray[np.float64]:
    """Return ``waveform`` (samples,) interpolated for a piecewise linear source.

    Band-limited (by FFT, so the waveform is taken as periodic), and lifted by 1/sinc²(f/F), F the
    new rate: what straight lines between the points take away (the spectrum of a triangle).
    """
    x = np.asarray(waveform, np.float64)
    spectrum = np.fft.rfft(x)
    if len(x) % 2 == 0:
        spectrum[-1] /= 2  # Nyquist's bin stands for two once it is no longer the last
    at = np.arange(len(spectrum)) / (len(x) * factor)
    return np.fft.irfft(spectrum / np.sinc(at) ** 2, len(x) * factor) * factor


def _deck(
    cell: FilterCell,
    elements: Elements,
    *,
    analyses: tuple[str, ...],
    source: str = "dc 0 ac 1",
    temperature: float = 27.0,
    excess: float = 1.0,
) -> Deck:
    text = bank_netlist(
        cell,
        elements,
        analyses=analyses,
        source=source,
        temperature=temperature,
        excess=excess,
    )
    return Deck(text, name=f"bank of {len(elements.gm)} {cell.name} channels")
