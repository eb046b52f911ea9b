"""A current mirror whose copy of 10 uA may be off by 0.2 uA: a yield that is neither 0 nor 1."""

from __future__ import annotations

from pathlib import Path

_DECK = """mirror
.lib "generic.lib.spice" tt
.param w=4u l=0.5u supply=1.8
.subckt mirror in out vdd
xm1 in in 0 0 generic_nmos_1v8 w={w} l={l}
xm2 out in 0 0 generic_nmos_1v8 w={w} l={l}
.ends
vdd vdd 0 {supply}
iref vdd in 10u
xdut in out vdd mirror
vout out 0 0.5
.control
op
let current = -i(vout)
let gate = v(in)
print current gate
.endc
.end
"""
_PROBLEM = """name: mirror
pdk: generic
testbenches:
  main: {deck: mirror.spice}
conditions:
  corner: {enumerate: [tt, ss]}
parameters:
  w: {minimum: 1u, maximum: 40u, start: 4u, unit: m}
  l: {minimum: 0.2u, maximum: 4u, start: 0.5u, unit: m}
metrics:
  current: {unit: A, minimum: 9.9u, maximum: 10.3u}
  gate: {unit: V, goal: minimize}
"""


def write_mirror(folder: Path, *, problem: str = _PROBLEM, deck: str = _DECK) -> Path:
    """Write deck and problem file into a folder; return the problem file."""
    (folder / "mirror.spice").write_text(deck)
    path = folder / "problem.yaml"
    path.write_text(problem)
    return path


def without_bounds() -> str:
    """The problem file's text with statistics to show but nothing to pass."""
    return _PROBLEM.replace(", minimum: 9.9u, maximum: 10.3u", "")


def typical_only() -> str:
    """The problem file's text with its bounds at the typical corner alone."""
    return _PROBLEM.replace("maximum: 10.3u", "maximum: 10.3u, corners: typical")


def deck_with(text: str) -> str:
    """The deck with further lines."""
    return _DECK.replace(".control", text + "\n.control", 1)
