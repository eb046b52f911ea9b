"""Simulators: a deck goes in, numbers and waves come out.

Names load on first use, so that a worker process (`spiceloop.sim.worker`), which only needs
ctypes, does not pay for NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spiceloop.errors import SetupError

if TYPE_CHECKING:
    from spiceloop.sim.base import SimResult, Simulator
    from spiceloop.sim.ngspice_batch import NgspiceBatch
    from spiceloop.sim.ngspice_lib import NgspiceLib
    from spiceloop.sim.waves import Plot, Waves

__all__ = [
    "SIMULATORS",
    "NgspiceBatch",
    "NgspiceLib",
    "Plot",
    "SimResult",
    "Simulator",
    "Waves",
    "make_simulator",
]

SIMULATORS = ("ngspice-lib", "ngspice-batch")

_HOME = {
    "NgspiceBatch": "ngspice_batch",
    "NgspiceLib": "ngspice_lib",
    "Plot": "waves",
    "SimResult": "base",
    "Simulator": "base",
    "Waves": "waves",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"spiceloop.sim.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def make_simulator(name: str = "ngspice-lib") -> Simulator:
    """Return a new simulator by name; the caller closes it.

    Raises `SetupError` for an unknown name and where ngspice is not installed.
    """
    if name == "ngspice-lib":
        from spiceloop.sim.ngspice_lib import NgspiceLib

        return NgspiceLib()
    if name == "ngspice-batch":
        from spiceloop.sim.ngspice_batch import NgspiceBatch

        return NgspiceBatch()
    raise SetupError(f"unknown simulator {name!r}; there are {', '.join(SIMULATORS)}")
