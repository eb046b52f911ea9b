"""Draws ``schematic.svg`` and ``schematic.png``: run ``python schematic.py``."""

from __future__ import annotations

from pathlib import Path

from spiceloop.examples.drawing import HEIGHT, Sheet


def draw(s: Sheet) -> None:
    """Five transistors and the bias diode."""
    tail = s.fet("n", (2.5, 0), "M5\nw5/l5")
    diode = s.fet("n", (-1.5, 0), "M6\nw5/l5", gate="right")
    s.ground(tail["source"])
    s.ground(diode["source"])
    s.wire(diode["gate"], tail["gate"])
    s.dot((0.4, tail["gate"][1]))
    s.wire((0.4, tail["gate"][1]), (0.4, HEIGHT + 0.2), (-1.5, HEIGHT + 0.2))
    s.dot((-1.5, HEIGHT + 0.2))
    s.wire(diode["drain"], (-1.5, HEIGHT + 0.8))
    s.two_terminal("current", (-1.5, HEIGHT + 2.8), (-1.5, HEIGHT + 0.8), "ib", "bottom")
    s.wire((-1.5, HEIGHT + 2.8), (-1.5, 6.6))
    s.supply((-1.5, 6.6))
    pair = HEIGHT + 0.6
    m1 = s.fet("n", (1.0, pair), "M1\nw1/l1")
    m2 = s.fet("n", (4.0, pair), "M2\nw1/l1", gate="right")
    s.wire(m1["source"], m2["source"])
    s.wire(tail["drain"], (2.5, pair))
    s.dot((2.5, pair))
    s.wire(m1["gate"], (-0.3, m1["gate"][1]))
    s.port((-0.3, m1["gate"][1]), "in+", "left")
    s.wire(m2["gate"], (5.4, m2["gate"][1]))
    s.port((5.4, m2["gate"][1]), "in-", "right")
    m3 = s.fet("p", (1.0, 6.6), "M3\nw3/l3", gate="right")
    m4 = s.fet("p", (4.0, 6.6), "M4\nw3/l3")
    s.supply(m3["source"])
    s.supply(m4["source"])
    s.wire(m3["gate"], m4["gate"])
    s.wire(m3["drain"], m1["drain"])
    s.wire(m4["drain"], m2["drain"])
    knee = m3["drain"][1] - 0.25
    s.wire((2.5, m3["gate"][1]), (2.5, knee), (1.0, knee))
    s.dot((2.5, m3["gate"][1]))
    s.dot((1.0, knee))
    s.dot((4.0, knee))
    s.wire((4.0, knee), (7.4, knee))
    s.port((7.4, knee), "out", "right")
    s.two_terminal("capacitor", (6.8, knee), (6.8, knee - 1.2), "cl", "bottom")
    s.dot((6.8, knee))
    s.ground((6.8, knee - 1.2))


if __name__ == "__main__":
    sheet = Sheet()
    draw(sheet)
    sheet.save(Path(__file__).parent)
