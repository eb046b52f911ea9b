"""A bank of analog band-pass filters as a PyTorch module."""

from __future__ import annotations

from typing import Self, cast

import torch
from torch import Tensor, nn

from spiceloop.filterbank.cell import FilterCell, make_cell
from spiceloop.filterbank.costs import Costs
from spiceloop.filterbank.elements import UNIT_CAPACITOR, Elements, Transfer
from spiceloop.filterbank.filtering import RECTIFIERS, filter_by_recursion, rectified_means
from spiceloop.filterbank.frequency import filter_by_fft
from spiceloop.filterbank.gm_law import GmLaw, WeakInversion
from spiceloop.filterbank.noise import output_noise
from spiceloop.filterbank.parametrization import PARAMETRIZATIONS, Bounds, Parametrization
from spiceloop.filterbank.recursion import discretize
from spiceloop.filterbank.spacing import spread

__all__ = ["METHODS", "FilterBank"]

METHODS = ("auto", "recursion", "fft")


class FilterBank(nn.Module):
    """Waveform (batch, samples) → filtered waveforms (batch, channels, samples).

    ``start`` holds the elements at the beginning; what of them is trained is the business of
    ``parameters`` ("currents" or "scaling", see `parametrization`). ``method`` "fft" filters with
    H(jω) on the padded FFT's grid; "recursion" does the same by two poles in time several times
    faster, on the CPU, with the error stated in `recursion`; "auto" takes the recursion where the
    waveform is on the CPU.

    All element values are kept in float64; the output has the waveform's type. Raises ValueError
    for unknown names and wrong shapes.
    """

    def __init__(
        self,
        start: Elements,
        *,
        cell: str | FilterCell = "super-source-follower",
        parameters: str = "currents",
        law: GmLaw | None = None,
        bounds: Bounds | None = None,
        sample_rate: float = 16000.0,
        method: str = "auto",
    ) -> None:
        super().__init__()
        if parameters not in PARAMETRIZATIONS:
            known = ", ".join(PARAMETRIZATIONS)
            raise ValueError(f"no parametrization {parameters!r}; there are {known}")
        if method not in METHODS:
            raise ValueError(f"no method {method!r}; there are {', '.join(METHODS)}")
        self.cell = make_cell(cell) if isinstance(cell, str) else cell
        expected = (len(self.cell.transconductances), len(self.cell.capacitors))
        if (start.gm.shape[1:], start.c.shape[1:]) != (expected[:1], expected[1:]):
            raise ValueError(
                f"a {self.cell.name} has {expected[0]} transconductances and {expected[1]} "
                f"capacitors a channel, got gm {tuple(start.gm.shape)}, c {tuple(start.c.shape)}"
            )
        self.law: GmLaw = law or WeakInversion()
        self.bounds = bounds or Bounds()
        self.sample_rate = float(sample_rate)
        self.method = method
        start = Elements(start.gm.detach().double(), start.c.detach().double())
        self.parametrization = PARAMETRIZATIONS[parameters](start, self.law)

    @classmethod
    def spread(
        cls,
        channels: int = 16,
        *,
        low: float = 100.0,
        high: float = 6000.0,
        q: float = 2.0,
        gain: float = 1.0,
        scale: str = "log",
        capacitor: float = UNIT_CAPACITOR,
        cell: str = "super-source-follower",
        parameters: str = "currents",
        law: GmLaw | None = None,
        bounds: Bounds | None = None,
        sample_rate: float = 16000.0,
        method: str = "auto",
    ) -> Self:
        """Return a bank with f0 from ``low`` to ``high`` Hz spread on ``scale``, equal Q and gain.

        ``scale`` is "log", "mel", "erb" or "linear"; ``capacitor`` (F) the geometric mean of each
        channel's capacitors.
        """
        f0 = torch.from_numpy(spread(channels, low, high, scale))
        start = make_cell(cell).design(
            f0, torch.full_like(f0, q), torch.full_like(f0, gain), capacitor
        )
        return cls(
            start,
            cell=cell,
            parameters=parameters,
            law=law,
            bounds=bounds,
            sample_rate=sample_rate,
            method=method,
        )

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.elements().gm.shape[0]

    def elements(self) -> Elements:
        """Return the present elements, inside the graph."""
        return cast(Parametrization, self.parametrization).elements()

    def transfer(self) -> Transfer:
        """Return the present H(s), inside the graph; has ``f0``, ``q``, ``gain``."""
        return self.cell.transfer(self.elements())

    def response(self, frequency: Tensor) -> Tensor:
        """Return H(j2πf), complex (channels, frequencies), for ``frequency`` in Hz."""
        return self.transfer().at(frequency)

    def forward(self, waveform: Tensor) -> Tensor:
        """Filter ``waveform`` (batch, samples) into (batch, channels, samples)."""
        self._check(waveform)
        if self._recursive(waveform):
            return filter_by_recursion(waveform, discretize(self.transfer(), self.sample_rate).rows)
        return filter_by_fft(waveform, self.transfer(), self.sample_rate)

    def rectified_means(self, waveform: Tensor, hop: int, rectifier: str = "full-wave") -> Tensor:
        """Return the rectified outputs averaged over every ``hop`` samples.

        Shape (batch, channels, samples // hop). The same as filtering, rectifying ("full-wave",
        "half-wave" or "square") and averaging one after the other, in one pass over the data.
        """
        self._check(waveform)
        if hop < 1:
            raise ValueError(f"expected a hop of one sample or more, got {hop}")
        if rectifier not in RECTIFIERS:
            raise ValueError(f"no rectifier {rectifier!r}; there are {', '.join(RECTIFIERS)}")
        if self._recursive(waveform):
            rows = discretize(self.transfer(), self.sample_rate).rows
            return rectified_means(waveform, rows, hop, rectifier)
        y = filter_by_fft(waveform, self.transfer(), self.sample_rate)
        y = {"full-wave": y.abs, "half-wave": y.relu, "square": y.square}[rectifier]()
        frames = y.shape[-1] // hop
        return y[..., : frames * hop].reshape(*y.shape[:-1], frames, hop).mean(-1)

    def power(self, costs: Costs) -> Tensor:
        """Return each channel's power in W, (channels,)."""
        return costs.power(self.elements(), self.law)

    def area(self, costs: Costs) -> Tensor:
        """Return each channel's capacitor area in m², (channels,)."""
        return costs.area(self.elements())

    def noise(self, excess: float = 1.0) -> Tensor:
        """Return each channel's integrated output noise in V rms, (channels,)."""
        return output_noise(
            self.cell, self.elements(), temperature=self.law.temperature, excess=excess
        )

    @torch.no_grad()
    def set_elements_(self, elements: Elements) -> Self:
        """Move the parameters so that they stand for ``elements``, or the nearest they can."""
        cast(Parametrization, self.parametrization).set_elements(elements)
        return self

    @torch.no_grad()
    def project_(self) -> Self:
        """Bring the parameters back inside the bounds; call it after every optimizer step."""
        cast(Parametrization, self.parametrization).project(self.cell, self.bounds, self.law)
        return self

    def _recursive(self, waveform: Tensor) -> bool:
        return self.method == "recursion" or (
            self.method == "auto" and waveform.device.type == "cpu"
        )

    def _check(self, waveform: Tensor) -> None:
        known = waveform.dtype in (torch.float32, torch.float64)
        if waveform.ndim != 2 or waveform.numel() == 0 or not known:
            raise ValueError(
                "expected a waveform (batch, samples) of float32 or float64 that is not empty, got "
                f"{waveform.dtype} {tuple(waveform.shape)}"
            )
        if self.method == "recursion" and waveform.device.type != "cpu":
            raise ValueError(
                f"method 'recursion' runs on the CPU and the waveform is on {waveform.device}; "
                "use 'auto' or 'fft'"
            )

    def extra_repr(self) -> str:
        """Say what the bank is when it is printed."""
        with torch.no_grad():
            t = self.transfer()
        return (
            f"{self.cell.name}, {len(t.d0)} channels, f0 {float(t.f0.min()):.0f} to "
            f"{float(t.f0.max()):.0f} Hz, Q {float(t.q.min()):.2f} to {float(t.q.max()):.2f}"
        )
