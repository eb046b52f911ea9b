"""The versions that a result depends on, recorded with the study."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from spiceloop.sim.base import Simulator
from spiceloop.spec.problem import Problem

__all__ = ["OURS", "versions"]

_PACKAGES = ("spiceloop", "numpy", "scipy", "torch", "gpytorch", "botorch", "optuna")
# On these proposals depend, and not what a simulation gives.
OURS = ("python", *_PACKAGES)


def versions(problem: Problem, simulator: Simulator) -> dict[str, str]:
    """Return name → version of the simulator, the process models, Python and the packages."""
    found = {simulator.name: simulator.version(), "python": platform.python_version()}
    names = (*_PACKAGES, problem.pdk.name) if problem.pdk else _PACKAGES
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a PDK that is no Python package
            continue
    return found
