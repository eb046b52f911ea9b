"""The circuit's own figures, by the functions that the problem names; see `report.figures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from spiceloop.errors import SpiceloopError
from spiceloop.report.cards.base import CannotDrawError, Plot
from spiceloop.report.static import picture, style
from spiceloop.report.view import Simulate, StudyView
from spiceloop.spec.functions import load_function

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["make"]


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card; a function that fails is told beside the figures of the others."""
    if not view.problem.figures:
        raise CannotDrawError(
            "The problem file names no figures; add “figures: [file.py:function]” to have the "
            "circuit's own curves drawn here."
        )
    if view.simulate is None:
        raise CannotDrawError("This report was made without a simulator, which the curves need.")
    designs = {}
    if view.start is not None:
        designs["start"] = dict(view.start.design)
    if view.chosen is not None:
        designs["chosen"] = dict(view.chosen.design)
    if not designs:
        raise CannotDrawError("There is neither a start nor a chosen design to draw.")
    plots: list[Plot] = []
    failures: list[tuple[str, str]] = []
    for spec in view.problem.figures:
        try:
            plots += _drawn(view, spec, view.simulate, designs, len(plots))
        except SpiceloopError as error:
            failures.append((spec, str(error)))
        except Exception as error:  # the user's code: anything may come, and other figures wait
            failures.append((spec, f"{type(error).__name__}: {error}"))
    return {"failures": failures}, tuple(plots)


def _drawn(
    view: StudyView,
    spec: str,
    simulate: Simulate,
    designs: Mapping[str, Mapping[str, float]],
    before: int,
) -> list[Plot]:
    function: Callable[..., Any]
    function, _ = load_function(spec, view.problem.folder)
    with style():
        figures = function(simulate, designs)
        plots = []
        for i, figure in enumerate(_listed(spec, figures), start=before + 1):
            # Matplotlib's own default label is the empty string or a number.
            caption = str(figure.get_label() or "")
            image = picture(figure, f"circuit-{i}", caption or f"circuit figure {i}")
            plots.append(Plot(f"circuit-{i}", caption, image))
            _forget(figure)
    return plots


def _listed(spec: str, figures: object) -> list[Figure]:
    from matplotlib.figure import Figure

    found = [figures] if isinstance(figures, Figure) else figures
    if not isinstance(found, list | tuple) or not all(isinstance(f, Figure) for f in found):
        raise CannotDrawError(
            f"{spec} returned {type(figures).__name__}; expected a list of matplotlib figures"
        )
    return list(found)


def _forget(figure: Figure) -> None:
    """Close a figure that was made by pyplot, which keeps every one it makes."""
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
