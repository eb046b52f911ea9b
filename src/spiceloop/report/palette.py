"""Colours and marks, told apart without colour too.

The colours are those of Okabe and Ito, "Color Universal Design" (2008), which people with the
common kinds of colour blindness can tell apart; every group has its own mark as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["GROUPS", "SERIES", "Group", "GroupName"]

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
SKY = "#56B4E9"
PURPLE = "#CC79A7"
GREY = "#8A8F98"

SERIES = (BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE)

GroupName = Literal["infeasible", "dominated", "pareto", "start", "chosen"]


@dataclass(frozen=True)
class Group:
    """How one group of trials is drawn: plotly symbol and size, matplotlib marker and size."""

    label: str
    color: str
    symbol: str
    size: float
    marker: str
    points: float
    opacity: float


# In drawing order: what matters most is drawn last, on top.
GROUPS: dict[GroupName, Group] = {
    "infeasible": Group("constraint violated", GREY, "x-thin-open", 5, "x", 4.0, 0.55),
    "dominated": Group("dominated", GREY, "circle", 5, "o", 4.0, 0.65),
    "pareto": Group("Pareto", BLUE, "circle", 7, "o", 5.5, 0.95),
    "start": Group("start", ORANGE, "diamond", 11, "D", 6.5, 1.0),
    "chosen": Group("chosen", VERMILION, "star", 14, "*", 13.0, 1.0),
}
