"""Decks and helpers that the suites of the simulator contract share."""

from __future__ import annotations

import math

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.errors import SimulationError
from spiceloop.sim import Simulator

R, C = 1e3, 1e-9
F3 = 1 / (2 * math.pi * R * C)
RC = f"""RC low pass
v1 in 0 dc 1 ac 1 pulse(0 1 0 1n 1n 1 2)
r1 in out {R}
c1 out 0 {C}
"""
MOS = """A transistor two subcircuits down
.model nm nmos level=1 vto=0.5 kp=100u lambda=0
.subckt dev d g s
m1 d g s 0 nm w=10u l=1u
.ends
.subckt amp d g s
xm3 d g s dev
.ends
vdd vdd 0 1.8
rd vdd dd 10k
vg g 0 0.8
x1 dd g 0 amp
"""
ENDLESS = RC + ".control\ntran 1n 1000\n.endc\n.end\n"


def control(circuit: str, *commands: str) -> Deck:
    return Deck(circuit + "\n".join([".control", *commands, ".endc", ".end", ""]), name="tb")


def fails(sim: Simulator, deck: Deck, *measures: str, timeout: float = 20.0) -> SimulationError:
    with pytest.raises(SimulationError) as caught:
        sim.run(deck, measures=measures, timeout=timeout)
    assert caught.value.deck == deck.name
    return caught.value
