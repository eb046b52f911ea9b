"""A generic 180 nm-like process of our own cards: needs nothing installed, can make nothing.

Its dimensions are in metres: ``w=2u l=0.18u``. Decks name it ``.lib "generic.lib.spice" tt``; the
devices, corners and statistics are written down in the two files of ``generic_models``.
"""

from __future__ import annotations

from pathlib import Path

from spiceloop.circuit.pdk.process import Process

__all__ = ["PROCESS"]

_LIBRARY = Path(__file__).parent / "generic_models" / "generic.lib.spice"


PROCESS = Process(
    name="generic",
    title="generic 180 nm, part of spiceloop",
    library_file=_LIBRARY.name,
    locate=lambda library: _LIBRARY,
    install="it is part of spiceloop",
    switches=("mc_mm_switch", "mc_pr_switch"),
)
