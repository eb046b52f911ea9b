"""Drawing helpers of the examples' ``schematic.py`` scripts (they need schemdraw, extra ``docs``).

Positions are absolute, in schemdraw's units; a transistor is 1.67 high between source and drain.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import schemdraw
import schemdraw.elements as elm

__all__ = ["Sheet"]

Point = tuple[float, float]
HEIGHT = 5 / 3  # source to drain


class Sheet:
    """One schematic; every method takes absolute positions and draws at once."""

    def __init__(self) -> None:
        schemdraw.use("matplotlib")
        self.drawing = schemdraw.Drawing(show=False, fontsize=11, lw=1.4, unit=2, margin=0.4)

    def fet(self, kind: str, at: Point, label: str, *, gate: str = "left") -> dict[str, Point]:
        """Draw an "n" or "p" transistor with its source at ``at``; return its terminals.

        The drain is above an n source and below a p source; ``gate`` is its gate's side.
        """
        element = (
            (elm.AnalogNFet if kind == "n" else elm.AnalogPFet)().at(at).anchor("source").theta(0)
        )
        if gate == "left":
            element = element.reverse()
        placed = self.drawing.add(element)
        up = 1 if kind == "n" else -1
        away = 0.25 if gate == "left" else -0.25
        align = ("left" if gate == "left" else "right", "center")
        self.text((at[0] + away, at[1] + up * HEIGHT / 2), label, align)
        return {
            name: (float(p[0]), float(p[1]))
            for name, p in placed.absanchors.items()
            if name in ("gate", "source", "drain")
        }

    def wire(self, *points: Point) -> None:
        """Draw straight lines from point to point."""
        for a, b in pairwise(points):
            self.drawing.add(elm.Line().at(a).to(b))

    def dot(self, at: Point) -> None:
        """Mark a junction."""
        self.drawing.add(elm.Dot(radius=0.06).at(at).theta(0))

    def port(self, at: Point, label: str, loc: str) -> None:
        """Draw an open terminal with a name at its "left", "right", "top" or "bottom"."""
        self.drawing.add(
            elm.Dot(open=True, radius=0.08).at(at).theta(0).label(label, loc=loc, ofst=0.12)
        )

    def ground(self, at: Point) -> None:
        """Draw a ground symbol."""
        self.drawing.add(elm.Ground().at(at).theta(0))

    def supply(self, at: Point, label: str = "VDD") -> None:
        """Draw a supply symbol."""
        vdd = elm.Vdd()  # type: ignore[no-untyped-call]
        self.drawing.add(vdd.at(at).theta(0).label(label))

    def two_terminal(self, kind: str, start: Point, end: Point, label: str, loc: str) -> None:
        """Draw a "resistor", "capacitor" or "current" source from start to end."""
        classes = {"resistor": elm.Resistor, "capacitor": elm.Capacitor, "current": elm.SourceI}
        self.drawing.add(classes[kind]().endpoints(start, end).label(label, loc=loc))

    def box(self, corner: Point, width: float, height: float, label: str) -> None:
        """Draw a box with its name in the middle; ``corner`` is the lower left."""
        x, y = corner
        self.wire((x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y))
        self.text((x + width / 2, y + height / 2), label)

    def text(self, at: Point, label: str, align: Any = ("center", "center")) -> None:
        """Write text."""
        self.drawing.add(
            elm.Label().at(at).theta(0).label(label, halign=align[0], valign=align[1], ofst=0)
        )

    def save(self, folder: Path) -> None:
        """Write schematic.svg and schematic.png into the folder."""
        self.drawing.save(str(folder / "schematic.svg"))
        self.drawing.save(str(folder / "schematic.png"), dpi=110)
