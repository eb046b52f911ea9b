"""Matplotlib figures as PNG: files for papers, and in-line for print and readers without script."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spiceloop.report.palette import SERIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "new_figure", "picture", "style"]

_DPI = 200
# The page's copy is half as wide and has few colours: a tenth of the bytes.
_COLORS = 64


@dataclass(frozen=True)
class Picture:
    """One picture: ``name`` of its file, PNG for the file, data address for the page."""

    name: str
    png: bytes
    data: str
    alt: str


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of the report's figures, undone afterwards."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context(
        {
            "font.size": 9,
            "font.family": "sans-serif",
            "axes.titlesize": 9.5,
            "axes.labelsize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=SERIES),
            "grid.color": "#d8dce2",
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "legend.fontsize": 8,
            "lines.linewidth": 1.6,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
        }
    ):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, inches, that pyplot does not know: nothing is left open."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def picture(figure: Figure, name: str, alt: str) -> Picture:
    """Draw a figure: sharp for the file, small for the page."""
    stream = io.BytesIO()
    # Without the software's name and date the same study gives the same file.
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    png = stream.getvalue()
    data = base64.b64encode(_small(png)).decode("ascii")
    return Picture(f"{name}.png", png, f"data:image/png;base64,{data}", alt)


def _small(png: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as full:
        half = full.convert("RGB").resize((full.width // 2, full.height // 2), reducing_gap=2.0)
    stream = io.BytesIO()
    half.quantize(_COLORS).save(stream, format="png", optimize=True)
    return stream.getvalue()
