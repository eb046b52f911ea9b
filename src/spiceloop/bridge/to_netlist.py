"""A filter bank as a SPICE netlist: one subcircuit a cell kind, one instance a channel.

A transconductor is an ideal voltage-controlled current source with the thermal noise of the model
(`spiceloop.filterbank.noise`). A further cell is one entry of `SUBCIRCUITS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spiceloop.errors import ConfigError, TrainingError
from spiceloop.filterbank import Elements, FilterCell
from spiceloop.units import format_si

__all__ = ["SUBCIRCUITS", "Subcircuit", "bank_netlist", "element_values", "output_nodes"]


@dataclass(frozen=True)
class Subcircuit:
    """A cell in SPICE: ports ``inp inn outp outn``, parameters named as the cell's elements are.

    ``body`` are the lines between ``.subckt`` and ``.ends``.
    """

    name: str
    body: str


TRANSCONDUCTOR = """\
* A transconductor: gm times v(cp,cn) flows from p to n inside it. Its thermal noise, a current of
* density 4kT*excess*gm, is that of a resistor 1/(excess*gm) that nothing loads, mirrored to p, n.
.subckt transconductor p n cp cn gm=1n
G1 p n cp cn {gm}
Rnoise x 0 {1/(excess*gm)}
Vnoise x 0 0
Fnoise p n Vnoise 1
.ends"""

SUBCIRCUITS: dict[str, Subcircuit] = {
    "super-source-follower": Subcircuit(
        "ssf_bandpass",
        """\
* Super-source-follower band-pass. Each half: gm1 from the output (drain) to the source node,
* driven by input minus source; gm2 from the source node to ground, driven by the output.
* f0 = sqrt(gm1*gm2/(c1*c2))/(4*pi), Q = sqrt(gm2*c2/(gm1*c1)), peak gain = c2/c1.
X1p outp sp inp sp transconductor gm={gm1}
X1n outn sn inn sn transconductor gm={gm1}
X2p sp 0 outp 0 transconductor gm={gm2}
X2n sn 0 outn 0 transconductor gm={gm2}
C1 outp outn {c1}
C2 sp sn {c2}""",
    ),
    "gm-c-biquad": Subcircuit(
        "gmc_bandpass",
        """\
* Two-integrator loop, the capacitors between the halves.
* f0 = sqrt(gm_1*gm_2/(c1*c2))/(4*pi), Q = sqrt(gm_1*gm_2*c1/c2)/gm_q, peak gain = gm_in/gm_q.
Xinp 0 outp inp 0 transconductor gm={gm_in}
Xinn 0 outn inn 0 transconductor gm={gm_in}
Xqp outp 0 outp 0 transconductor gm={gm_q}
Xqn outn 0 outn 0 transconductor gm={gm_q}
X1p outp 0 vp 0 transconductor gm={gm_1}
X1n outn 0 vn 0 transconductor gm={gm_1}
X2p 0 vp outp 0 transconductor gm={gm_2}
X2n 0 vn outn 0 transconductor gm={gm_2}
C1 outp outn {c1}
C2 vp vn {c2}""",
    ),
}


def bank_netlist(
    cell: FilterCell,
    elements: Elements,
    *,
    analyses: Sequence[str] = (),
    source: str = "dc 0 ac 1",
    temperature: float = 27.0,
    excess: float = 1.0,
) -> str:
    """Return the whole bank as a netlist that needs no other file.

    ``source`` is what drives node ``in``, the differential input; channel k's differential output
    is node ``outk``, counted from 1. ``analyses`` are cards such as ``.ac dec 100 10 100k``.
    ``temperature`` in °C; ``excess`` is the transconductors' noise excess factor. Element values
    have all their digits. Raises ConfigError for a cell that `SUBCIRCUITS` does not have,
    TrainingError for elements that are not positive numbers.
    """
    block = _subcircuit(cell)
    names = (*cell.transconductances, *cell.capacitors)
    rows = element_values(cell, elements)
    channels = [
        line
        for k, row in enumerate(rows, 1)
        for line in (
            f"Xch{k} inp inn p{k} n{k} {block.name} "
            + " ".join(f"{n}={v!r}" for n, v in zip(names, row, strict=True)),
            f"Eout{k} out{k} 0 p{k} n{k} 1",
        )
    ]
    lines = [
        f"{len(rows)} {cell.name} band-pass channels",
        "* Input: node in. Output of channel k: node outk (differential: pk, nk).",
        *(["* Simulate: ngspice -b -r bank.raw THIS_FILE"] if analyses else []),
        *_table(cell, elements),
        f".param excess={excess!r}",
        f".temp {temperature!r}",
        TRANSCONDUCTOR,
        f".subckt {block.name} inp inn outp outn " + " ".join(f"{n}=1" for n in names),
        block.body,
        ".ends",
        f"Vin in 0 {source}",
        "Einp inp 0 in 0 0.5",
        "Einn inn 0 in 0 -0.5",
        *channels,
        *analyses,
        ".end",
    ]
    return "\n".join(lines) + "\n"


def output_nodes(channels: int) -> tuple[str, ...]:
    """Return the names of the output nodes, ``out1`` and so on."""
    return tuple(f"out{k}" for k in range(1, channels + 1))


def _subcircuit(cell: FilterCell) -> Subcircuit:
    if cell.name not in SUBCIRCUITS:
        raise ConfigError(
            f"no SPICE subcircuit for the filter cell {cell.name!r}; there are "
            f"{', '.join(sorted(SUBCIRCUITS))}: add one to spiceloop.bridge.to_netlist.SUBCIRCUITS"
        )
    return SUBCIRCUITS[cell.name]


def element_values(cell: FilterCell, elements: Elements) -> list[list[float]]:
    """Return each channel's element values, transconductances first.

    Raises TrainingError where one is not a positive number.
    """
    columns = (*cell.transconductances, *cell.capacitors)
    elements = elements.detach()
    rows = [[*g, *c] for g, c in zip(elements.gm.tolist(), elements.c.tolist(), strict=True)]
    for channel, row in enumerate(rows, 1):
        for name, value in zip(columns, row, strict=True):
            if not 0 < value < float("inf"):
                raise TrainingError(
                    f"channel {channel} of the filter bank has {name} = {value}; expected a "
                    "positive number: tighten the bounds or lower the learning rate"
                )
    return rows


def _table(cell: FilterCell, elements: Elements) -> list[str]:
    """Return comment lines with every channel's f0, Q and gain, as the closed form gives them."""
    transfer = cell.transfer(elements.detach())
    figures = zip(transfer.f0.tolist(), transfer.q.tolist(), transfer.gain.tolist(), strict=True)
    return [
        f"{'* channel':<10}{'f0':>12}{'Q':>10}{'peak gain':>12}",
        *(
            f"* {k:<8}{format_si(f0, 'Hz').replace('µ', 'u'):>12}{q:>10.4g}{gain:>12.4g}"
            for k, (f0, q, gain) in enumerate(figures, 1)
        ),
    ]
