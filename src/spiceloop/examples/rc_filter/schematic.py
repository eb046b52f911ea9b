"""Draws ``schematic.svg`` and ``schematic.png``: run ``python schematic.py``."""

from __future__ import annotations

from pathlib import Path

from spiceloop.examples.drawing import Sheet

if __name__ == "__main__":
    s = Sheet()
    s.port((0, 0), "in", "left")
    s.two_terminal("resistor", (0, 0), (3, 0), "r", "top")
    s.two_terminal("capacitor", (3, 0), (3, -2), "c", "bottom")
    s.ground((3, -2))
    s.dot((3, 0))
    s.wire((3, 0), (4.5, 0))
    s.port((4.5, 0), "out", "right")
    s.save(Path(__file__).parent)
