"""The super-source-follower bank with SKY130 transistors in place of ideal transconductors.

Bias currents and the supply are ideal; the transistors bring their own gm, output conductance and
capacitance. Compare it with the model by `SpiceCheck.run`. At Q = 1 and 27 °C f0 comes out 0.4 %
and Q 0.6 % low with the currents of `bias_currents`; at Q = 4 the output conductances take 10 % of
Q. Currents of one gm law for both devices put f0 off by up to 7 % (the p device follows another n).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spiceloop.bridge.characterise import Characterisation, characterise
from spiceloop.bridge.decks import ac_card
from spiceloop.bridge.to_netlist import element_values
from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk
from spiceloop.errors import ConfigError
from spiceloop.filterbank import Elements, FilterCell, SuperSourceFollower
from spiceloop.sim import Simulator
from spiceloop.units import format_si

__all__ = ["DEVICES", "bias_currents", "device_tables", "transistor_deck", "transistor_netlist"]

# Device, W and L (m) of gm1 (the follower, its well at its source) and of gm2.
DEVICES = (("pfet_01v8", 20e-6, 1e-6), ("nfet_01v8", 5e-6, 1e-6))

_HALF = """\
* Half a channel: the follower's drain is the output; the second transistor closes the loop.
.subckt half in out vdd s i1=1n i2=1n
XM1 out in s s sky130_fd_pr__{0[0]} w={0[1]} l={0[2]}
XM2 s out 0 0 sky130_fd_pr__{1[0]} w={1[1]} l={1[2]}
I1 out 0 {{i1}}
I2 vdd s {{i1+i2}}
.ends
.subckt ssf_bandpass inp inn outp outn vdd i1=1n i2=1n c1=1p c2=1p
Xp inp outp vdd sp half i1={{i1}} i2={{i2}}
Xn inn outn vdd sn half i1={{i1}} i2={{i2}}
C1 outp outn {{c1}}
C2 sp sn {{c2}}
.ends"""


def device_tables(
    temperature: float = 27.0, simulator: str | Simulator = "ngspice-lib"
) -> tuple[Characterisation, ...]:
    """Simulate gm against current of each of `DEVICES`."""
    return tuple(
        characterise(device=name, w=width, l=length, temperature=temperature, simulator=simulator)
        for name, width, length in DEVICES
    )


def bias_currents(elements: Elements, tables: Sequence[Characterisation]) -> Tensor:
    """Return the currents in A at which each device has its gm, (channels, transconductances).

    Raises ConfigError for a gm that a device's table does not reach.
    """
    columns = []
    for name, gm, table in zip(
        SuperSourceFollower.transconductances, elements.gm.detach().unbind(1), tables, strict=True
    ):
        low, high = table.gms[0], table.gms[-1]
        if not (low <= float(gm.min()) and float(gm.max()) <= high):
            raise ConfigError(
                f"{name} runs from {format_si(float(gm.min()), 'S')} to "
                f"{format_si(float(gm.max()), 'S')}; a {table.device} has "
                f"{format_si(low, 'S')} to {format_si(high, 'S')} from 10 pA to 1 µA: "
                "tighten the current bounds"
            )
        logs = np.interp(np.log(gm.numpy()), np.log(table.gms), np.log(table.currents))
        columns.append(torch.from_numpy(np.exp(logs)))
    return torch.stack(columns, 1)


def transistor_netlist(
    cell: FilterCell,
    elements: Elements,
    currents: Tensor,
    *,
    analyses: Sequence[str] = (),
    temperature: float = 27.0,
    supply: float = 1.8,
    common_mode: float = 0.7,
    corner: str = "tt",
) -> str:
    """Return the bank with transistors biased at ``currents`` (channels, 2), in A.

    Input and outputs as in `bank_netlist`; ``supply`` and ``common_mode`` (of the inputs) in V. The
    text names the library ``sky130.lib.spice`` (see `circuit.pdk.processes.sky130` for running it
    by hand). Raises ConfigError for any other cell.
    """
    if cell.name != SuperSourceFollower.name:
        raise ConfigError(
            f"there is no transistor circuit for the cell {cell.name!r}, only for "
            f"{SuperSourceFollower.name!r}"
        )
    rows = element_values(cell, elements)
    devices = [(name, f"{w * 1e6:.9g}", f"{length * 1e6:.9g}") for name, w, length in DEVICES]
    channels = [
        line
        for k, (row, bias) in enumerate(zip(rows, currents.detach().tolist(), strict=True), 1)
        for line in (
            f"Xch{k} inp inn p{k} n{k} vdd ssf_bandpass "
            f"i1={bias[0]!r} i2={bias[1]!r} c1={row[2]!r} c2={row[3]!r}",
            f"Eout{k} out{k} 0 p{k} n{k} 1",
        )
    ]
    lines = [
        f"{len(rows)} {cell.name} band-pass channels of SKY130 transistors",
        "* Input: node in. Output of channel k: node outk (differential: pk, nk).",
        f'.lib "sky130.lib.spice" {corner}',
        f".temp {temperature!r}",
        "* Picoamperes count: the default gmin and tolerances would swamp them.",
        ".options gmin=1e-18 abstol=1e-18 reltol=1e-5",
        _HALF.format(*devices),
        f"Vdd vdd 0 {supply!r}",
        f"Vcm cm 0 {common_mode!r}",
        "Vin in 0 dc 0 ac 1",
        "Einp inp cm in 0 0.5",
        "Einn inn cm in 0 -0.5",
        *channels,
        *analyses,
        ".end",
    ]
    return "\n".join(lines) + "\n"


def transistor_deck(
    cell: FilterCell,
    elements: Elements,
    currents: Tensor,
    *,
    temperature: float = 27.0,
    corner: str = "tt",
) -> Deck:
    """Return the AC sweep of `ac_deck` on the bank of transistors, its models written in.

    Raises SetupError without the models.
    """
    text = transistor_netlist(
        cell,
        elements,
        currents,
        analyses=(ac_card(cell, elements),),
        temperature=temperature,
        corner=corner,
    )
    pdk = get_pdk("sky130", corner)
    name = f"bank of {len(elements.gm)} {cell.name} channels of transistors"
    return pdk.compile(Deck(text, name=name, compat=pdk.compat))
