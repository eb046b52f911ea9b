"""Draws ``schematic.svg`` and ``schematic.png``: run ``python schematic.py``."""

from __future__ import annotations

from pathlib import Path

from spiceloop.examples.drawing import HEIGHT, Sheet

TOP = 6.8


def first_stage(s: Sheet) -> dict[str, tuple[float, float]]:
    """Bias, pair and mirror; return the first stage's output and the bias line."""
    tail = s.fet("n", (2.5, 0), "M5\nw5/l5")
    diode = s.fet("n", (-1.7, 0), "M8\nw5/2 /l5", gate="right")
    s.ground(tail["source"])
    s.ground(diode["source"])
    bias = tail["gate"][1]
    s.wire(diode["gate"], tail["gate"])
    s.wire((0.2, bias), (0.2, HEIGHT + 0.2), (-1.7, HEIGHT + 0.2))
    s.dot((0.2, bias))
    s.dot((-1.7, HEIGHT + 0.2))
    s.wire(diode["drain"], (-1.7, HEIGHT + 1.0))
    s.two_terminal("current", (-1.7, HEIGHT + 3.0), (-1.7, HEIGHT + 1.0), "ib", "bottom")
    s.wire((-1.7, HEIGHT + 3.0), (-1.7, TOP))
    s.supply((-1.7, TOP))
    pair = HEIGHT + 0.8
    m1 = s.fet("n", (1.0, pair), "M1\nw1/l1")
    m2 = s.fet("n", (4.0, pair), "M2\nw1/l1", gate="right")
    s.wire(m1["source"], m2["source"])
    s.wire(tail["drain"], (2.5, pair))
    s.dot((2.5, pair))
    s.wire(m1["gate"], (-0.3, m1["gate"][1]))
    s.port((-0.3, m1["gate"][1]), "in-", "left")
    s.wire(m2["gate"], (5.4, m2["gate"][1]))
    s.port((5.4, m2["gate"][1]), "in+", "right")
    m3 = s.fet("p", (1.0, TOP), "M3\nw3/l3", gate="right")
    m4 = s.fet("p", (4.0, TOP), "M4\nw3/l3")
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
    return {"first": (4.0, knee), "bias": (0.2, bias)}


def second_stage(s: Sheet, first: tuple[float, float], bias: tuple[float, float]) -> None:
    """Common source, its sink, compensation and load."""
    x = 10.5
    m6 = s.fet("p", (x, TOP), "M6\nw6/l3")
    m7 = s.fet("n", (x, 0), "M7\nw7/l5")
    s.supply(m6["source"])
    s.ground(m7["source"])
    s.wire(m6["drain"], m7["drain"])
    s.wire(first, (6.6, first[1]), (6.6, m6["gate"][1]), m6["gate"])
    s.dot((6.6, first[1]))
    s.two_terminal("resistor", (6.6, first[1]), (8.6, first[1]), "rz", "bottom")
    s.two_terminal("capacitor", (8.6, first[1]), (x, first[1]), "cc", "bottom")
    s.dot((x, first[1]))
    # the bias line runs below the grounds
    s.wire(bias, (0.2, -1.1), (8.8, -1.1), (8.8, m7["gate"][1]), m7["gate"])
    out = first[1] - 1.2
    s.dot((x, out))
    s.wire((x, out), (13.2, out))
    s.port((13.2, out), "out", "right")
    s.dot((12.4, out))
    s.two_terminal("capacitor", (12.4, out), (12.4, out - 1.3), "cl", "bottom")
    s.ground((12.4, out - 1.3))


if __name__ == "__main__":
    sheet = Sheet()
    nodes = first_stage(sheet)
    second_stage(sheet, nodes["first"], nodes["bias"])
    sheet.save(Path(__file__).parent)
