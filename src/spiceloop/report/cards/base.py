"""What a card is: one section of the report, or the reason why it cannot be drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from spiceloop.errors import SpiceloopError
from spiceloop.report.static import Picture
from spiceloop.report.view import StudyView

__all__ = ["CannotDrawError", "Card", "Maker", "Plot", "draw"]


class CannotDrawError(Exception):
    """A card has nothing to show; the message says why, in a sentence for the reader."""


@dataclass(frozen=True)
class Plot:
    """One figure: an interactive plotly specification, and the picture for paper or no script.

    ``spec`` holds plotly's ``data`` and ``layout`` as plain JSON values; None for a picture only.
    ``role`` tells the page's script what may be linked: ``matrix``, ``parallel`` or empty.
    """

    key: str
    caption: str
    picture: Picture
    spec: Mapping[str, Any] | None = None
    role: str = ""


@dataclass(frozen=True)
class Card:
    """One section. Its template, ``KEY.html.j2`` of the page's, sees ``facts`` and ``plots``."""

    key: str
    title: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    plots: tuple[Plot, ...] = ()
    why: str = ""  # why it could not be drawn


_View = TypeVar("_View")

# A maker returns a card's facts and plots, or raises.
Maker = Callable[[StudyView], tuple[Mapping[str, Any], tuple[Plot, ...]]]


def draw(
    key: str,
    title: str,
    make: Callable[[_View], tuple[Mapping[str, Any], tuple[Plot, ...]]],
    view: _View,
) -> Card:
    """Make a card. Whatever goes wrong in one card is told in its place, and the rest goes on."""
    try:
        facts, plots = make(view)
    except (CannotDrawError, SpiceloopError) as error:
        return Card(key, title, why=str(error))
    except Exception as error:  # a report of the other cards is worth more than none
        return Card(key, title, why=f"{type(error).__name__}: {error}")
    return Card(key, title, facts, plots)
