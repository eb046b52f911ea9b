"""Process design kits: `get_pdk` gives the object that compiles decks against a PDK's models."""

from __future__ import annotations

from functools import lru_cache

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.pdk.base import Bin, CompileReport, Pdk
from spiceloop.circuit.pdk.locate import locate_sky130
from spiceloop.circuit.pdk.sample import Sample
from spiceloop.circuit.pdk.sky130 import Sky130
from spiceloop.errors import ProblemError

__all__ = ["Bin", "CompileReport", "Pdk", "Sample", "get_pdk"]

_LIBRARIES = ("continuous", "binned")


@lru_cache(maxsize=32)
def _sky130(corner: str, library: str, path: str) -> Sky130:
    return Sky130(corner, library)


def get_pdk(name: str, corner: str = "tt", library: str = "continuous") -> Pdk:
    """Return a PDK at a corner; the same object for the same arguments.

    Raises `ProblemError` for an unknown name, corner or library, `SetupError` where the models are
    not installed.
    """
    if name != "sky130":
        raise ProblemError(f"unknown pdk {name!r}{did_you_mean(name, ['sky130'])}; known: sky130")
    if library not in _LIBRARIES:
        raise ProblemError(
            f"unknown library {library!r}{did_you_mean(library, _LIBRARIES)}; "
            f"known: {', '.join(_LIBRARIES)}"
        )
    return _sky130(corner.lower(), library, str(locate_sky130(library)))
