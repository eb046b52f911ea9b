"""The chosen design's decks, to fold out and copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.view import StudyView

__all__ = ["make"]


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    if view.chosen is None:
        raise CannotDrawError("No design was chosen, so there is no sized netlist.")
    if not view.netlists:
        raise CannotDrawError("This report was made without the decks of the chosen design.")
    decks = [(name, text, len(text.splitlines())) for name, text in view.netlists.items()]
    return {"decks": decks, "number": view.chosen.number}, ()
