"""gm against drain current of a SKY130 transistor, simulated, and the gm laws fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk
from spiceloop.errors import DesignError, SetupError, SimulationError
from spiceloop.filterbank import Ekv, WeakInversion
from spiceloop.filterbank.gm_law import thermal_voltage
from spiceloop.sim import Simulator, make_simulator
from spiceloop.units import format_si

__all__ = ["GM_LAWS", "Characterisation", "Fit", "characterise", "fit_laws"]

GM_LAWS = ("weak-inversion", "ekv")

_CURRENTS = np.geomspace(10e-12, 1e-6, 51)
_WEAK = 0.01  # of I_spec: up to there the EKV relation bends by 1 %
_SUPPLY, _STEP = 1.8, 5e-3  # the gate's sweep, V
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A law's parameters. ``rms_error`` is of gm, relative, over currents up to ``up_to`` (A).

    ``specific_current`` in A; None for a law that has none.
    """

    n: float
    specific_current: float | None
    rms_error: float
    up_to: float


@dataclass(frozen=True)
class Characterisation:
    """A simulated transistor: ``gms`` (S) at drain ``currents`` (A), and the laws fitted to them.

    ``w`` and ``l`` in m, ``temperature`` in °C, ``drain_voltage`` in V, ``corner`` the models'.
    """

    device: str
    w: float
    l: float  # noqa: E741 (the field's own name)
    temperature: float
    drain_voltage: float
    corner: str
    currents: tuple[float, ...]
    gms: tuple[float, ...]
    weak: Fit
    ekv: Fit

    def fit(self, law: str) -> Fit:
        """Return the fit of "weak-inversion" or "ekv"; ValueError for another name."""
        if law not in GM_LAWS:
            raise ValueError(f"no gm law {law!r}; there are {', '.join(GM_LAWS)}")
        return self.ekv if law == "ekv" else self.weak

    def law(self, law: str = "weak-inversion") -> WeakInversion | Ekv:
        """Return the fitted law; ValueError for another name."""
        return _law(self.fit(law), self.temperature)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return what `as_dict` wrote."""
        lists = {k: tuple(data[k]) for k in ("currents", "gms")}
        return cls(**{**data, **lists, "weak": Fit(**data["weak"]), "ekv": Fit(**data["ekv"])})


def characterise(
    *,
    device: str = "nfet_01v8",
    w: float = 5e-6,
    l: float = 1e-6,  # noqa: E741
    temperature: float = 27.0,
    drain_voltage: float = 0.9,
    corner: str = "tt",
    simulator: str | Simulator = "ngspice-lib",
) -> Characterisation:
    """Simulate a SKY130 transistor's gm from 10 pA to 1 µA and fit the gm laws to it.

    The gate is swept at a constant drain voltage, source and bulk together. Of the 1.8 V devices
    ``nfet_01v8`` follows the laws best (``pfet_01v8``'s n grows with the current), and 5/1 µm is
    wide enough that a filter's currents, some nA at most, lie in weak inversion. ``w``, ``l`` in m.

    Raises SetupError without the models or ngspice, DesignError for a transistor that the models do
    not have or whose currents do not cover the range, SimulationError when the sweep fails.
    """
    try:
        pdk = get_pdk("sky130", corner)
    except SetupError as error:
        raise SetupError(
            f"{error}\n  or state the gm law's n (and specific current) in the configuration "
            "instead of characterising a transistor"
        ) from None
    name = f"sky130_fd_pr__{device}"
    if name not in pdk.devices() or not device.startswith(("nfet", "pfet")):
        raise DesignError(f"the SKY130 models have no MOS transistor {device!r}; try nfet_01v8")
    sign = -1 if device.startswith("pfet") else 1
    gm_vector = f"@m.xm.m{name}[gm]"
    text = f"""gm against drain current of {device}
.lib "sky130.lib.spice" {corner}
.temp {temperature!r}
* Picoamperes count: neither the default gmin nor the default tolerances would show them.
.options gmin=1e-20 abstol=1e-20 reltol=1e-6
Vg g 0 0
Vd d 0 {sign * drain_voltage!r}
Xm d g 0 0 {name} w={w * 1e6:.9g} l={l * 1e6:.9g}
.save i(vd) {gm_vector}
.dc Vg 0 {sign * _SUPPLY!r} {sign * _STEP!r}
.end
"""
    deck = pdk.compile(Deck(text, name=f"characterisation of {device}", compat=pdk.compat))
    own = isinstance(simulator, str)
    engine = make_simulator(simulator) if isinstance(simulator, str) else simulator
    try:
        plot = engine.run(deck, vectors=("i(vd)", gm_vector), timeout=60.0).waves.plot("dc")
    except SimulationError as error:
        raise error.located(design={"w": w, "l": l, "temperature": temperature}) from None
    finally:
        if own:
            engine.close()
    gms = _at_currents(np.abs(plot["i(vd)"]), np.abs(plot[gm_vector]), device)
    weak, ekv = fit_laws(_CURRENTS, gms, temperature)
    return Characterisation(
        device=device,
        w=w,
        l=l,
        temperature=temperature,
        drain_voltage=drain_voltage,
        corner=corner,
        currents=tuple(_CURRENTS.tolist()),
        gms=tuple(gms.tolist()),
        weak=weak,
        ekv=ekv,
    )


def _at_currents(current: Floats, gm: Floats, device: str) -> Floats:
    """Return gm at `_CURRENTS` from a sweep that must pass through all of them."""
    lowest, highest = _CURRENTS[[0, -1]]
    below = np.flatnonzero(current < lowest)
    first = int(below[-1]) if len(below) else -1
    if first < 0 or current[-1] < highest:
        raise DesignError(
            f"this {device} carries {format_si(float(current[0]), 'A')} with the gate off and "
            f"{format_si(float(current[-1]), 'A')} at {_SUPPLY} V; expected less than "
            f"{format_si(float(lowest), 'A')} and more than {format_si(float(highest), 'A')}: "
            "choose another W/L or device"
        )
    inside = slice(first, None)
    return np.exp(np.interp(np.log(_CURRENTS), np.log(current[inside]), np.log(gm[inside])))


def fit_laws(currents: Floats, gms: Floats, temperature: float) -> tuple[Fit, Fit]:
    """Fit weak inversion and EKV to ``gms`` (S) at ``currents`` (A, increasing), each (n,).

    Least squares of the relative error: with y = I/(gm·U_T) the EKV relation is the line
    y = n + (n²·U_T/I_spec)·gm, and weak inversion, fitted up to I_spec/100, is y = n. Raises
    DesignError where gm does not bend that way, or no current lies in weak inversion.
    """
    ut = thermal_voltage(temperature)
    y = currents / (gms * ut)
    (n, slope), *_ = np.linalg.lstsq(np.stack([1 / y, gms / y], 1), np.ones_like(y), rcond=None)
    if not (n > 0 and slope > 0):
        raise DesignError(
            f"gm against current does not bend as the EKV relation does (n = {n:.3g}, slope "
            f"{slope:.3g}): choose another W/L or device"
        )
    specific = float(n * n * ut / slope)
    weak = currents <= _WEAK * specific
    if not weak.any():
        raise DesignError(
            f"no current lies in weak inversion, below {format_si(_WEAK * specific, 'A')}: choose "
            "a larger W/L"
        )
    inverse = 1 / y[weak]
    fits = (
        Fit(float(inverse.sum() / (inverse**2).sum()), None, 0.0, float(currents[weak][-1])),
        Fit(float(n), specific, 0.0, float(currents[-1])),
    )
    first, second = (replace(f, rms_error=_error(f, currents, gms, temperature)) for f in fits)
    return first, second


def _error(fit: Fit, currents: Floats, gms: Floats, temperature: float) -> float:
    """Return the rms relative error of the law's gm against the simulated one."""
    inside = currents <= fit.up_to
    predicted = _law(fit, temperature).gm(torch.from_numpy(currents[inside])).numpy()
    return float(np.sqrt(np.mean((predicted / gms[inside] - 1) ** 2)))


def _law(fit: Fit, temperature: float) -> WeakInversion | Ekv:
    if fit.specific_current is None:
        return WeakInversion(n=fit.n, temperature=temperature)
    return Ekv(n=fit.n, specific_current=fit.specific_current, temperature=temperature)
