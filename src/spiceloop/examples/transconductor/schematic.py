"""Draws ``schematic.svg`` and ``schematic.png``: run ``python schematic.py``."""

from __future__ import annotations

from pathlib import Path

from spiceloop.examples.drawing import Sheet


def half_cell(s: Sheet) -> None:
    """The half cell with its regulating amplifier, every transistor."""
    s.text((3.2, 10.4), "half cell (there are four)")
    # M1 and M2 on the right
    m1 = s.fet("n", (6.5, 0.0), "M1\nw1/l1")
    m2 = s.fet("n", (6.5, 3.6), "M2\nw2/l2")
    s.ground(m1["source"])
    s.wire(m1["gate"], (5.2, m1["gate"][1]))
    s.port((5.2, m1["gate"][1]), "in", "left")
    s.wire(m1["drain"], m2["source"])
    s.wire(m2["drain"], (6.5, 6.4))
    s.port((6.5, 6.4), "out", "top")
    # amplifier on the left
    tail_y = 8.6
    mt = s.fet("p", (2.0, tail_y), "Mt\nwt/lt")
    s.supply((2.0, tail_y))
    s.wire(mt["gate"], (0.2, mt["gate"][1]))
    s.port((0.2, mt["gate"][1]), "bias", "left")
    top = mt["drain"][1] - 0.3
    s.wire(mt["drain"], (2.0, top))
    s.wire((0.6, top), (3.4, top))
    s.dot((2.0, top))
    ma = s.fet("p", (0.6, top - 0.2), "Ma\nwa/la")
    mc = s.fet("p", (3.4, top - 0.2), "Mc\nwa/la", gate="right")
    s.wire((0.6, top), ma["source"])
    s.wire((3.4, top), mc["source"])
    s.wire(ma["gate"], (-1.0, ma["gate"][1]))
    s.port((-1.0, ma["gate"][1]), "Vtune", "left")
    md = s.fet("n", (0.6, 0.8), "Md\nwd/ld", gate="right")
    me = s.fet("n", (3.4, 0.8), "Me\nwd/ld")
    s.ground(md["source"])
    s.ground(me["source"])
    s.wire(ma["drain"], md["drain"])
    s.wire(mc["drain"], me["drain"])
    s.wire(md["gate"], me["gate"])
    diode = (1.75, md["gate"][1])
    s.dot(diode)
    s.wire(diode, (diode[0], md["drain"][1] + 0.3), (0.6, md["drain"][1] + 0.3))
    s.dot((0.6, md["drain"][1] + 0.3))
    # output of the amplifier to M2's gate, M1's drain back to Mc's gate
    s.wire((3.4, m2["gate"][1]), m2["gate"])
    s.dot((3.4, m2["gate"][1]))
    sense = m1["drain"][1] + 0.9
    s.dot((6.5, sense))
    s.wire((6.5, sense), (4.9, sense), (4.9, mc["gate"][1]), mc["gate"])


def whole(s: Sheet) -> None:
    """The four half cells, the replica's diode and the loads."""
    x, y = 11.0, 1.8
    s.text((x + 5.1, 10.4), "transconductor")
    cells = {"xp": ("in+", "out+"), "xrp": ("in+", ""), "xrn": ("in-", ""), "xn": ("in-", "out-")}
    loads = {"xp": "wp/lp", "xrp": "", "xrn": "", "xn": "wp/lp"}
    centres = {}
    for k, (name, (inp, _)) in enumerate(cells.items()):
        left = x + 2.8 * k
        s.box((left, y), 1.8, 1.4, {"xp": "half", "xn": "half"}.get(name, "replica\nhalf"))
        s.wire((left + 0.9, y), (left + 0.9, y - 0.7))
        s.port((left + 0.9, y - 0.7), inp, "bottom")
        centres[name] = left + 0.9
    rail = y + 3.0
    # replica: joined drains into the diode of twice the width
    middle = (centres["xrp"] + centres["xrn"]) / 2
    for name in ("xrp", "xrn"):
        s.wire((centres[name], y + 1.4), (centres[name], rail - 0.6), (middle, rail - 0.6))
    s.dot((middle, rail - 0.6))
    top = rail + 3.0
    diode = s.fet("p", (middle, top), "2 wp/lp", gate="right")
    s.supply((middle, top))
    s.wire(diode["drain"], (middle, rail - 0.6))
    gate_y = diode["gate"][1]
    for name, side in (("xp", "right"), ("xn", "left")):
        load = s.fet("p", (centres[name], top), loads[name], gate=side)
        s.supply((centres[name], top))
        s.wire(load["drain"], (centres[name], y + 1.4))
        s.dot((centres[name], rail))
        out = centres[name] + (-1.2 if name == "xp" else 1.2)
        s.wire((centres[name], rail), (out, rail))
        s.port((out, rail), cells[name][1], "left" if name == "xp" else "right")
        knee = middle + (-1.6 if name == "xp" else 1.6)
        s.wire(load["gate"], (knee, gate_y), (knee, rail), (middle, rail))
    s.wire(diode["gate"], (middle + 1.6, gate_y))
    s.dot((middle + 1.6, gate_y))
    s.dot((middle, rail))


if __name__ == "__main__":
    sheet = Sheet()
    half_cell(sheet)
    whole(sheet)
    sheet.save(Path(__file__).parent)
