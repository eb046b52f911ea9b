"""SPICE in the loop of analog sizing: multi-objective Bayesian optimization on ngspice.

Names are loaded when they are first used, so that ``import spiceloop`` and a worker process start
in milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spiceloop.api import Result as Result
    from spiceloop.api import load_problem as load_problem
    from spiceloop.api import open_study as open_study
    from spiceloop.api import resume as resume
    from spiceloop.api import simulate as simulate
    from spiceloop.api import size as size
    from spiceloop.errors import DeckError as DeckError
    from spiceloop.errors import DesignError as DesignError
    from spiceloop.errors import ProblemError as ProblemError
    from spiceloop.errors import SetupError as SetupError
    from spiceloop.errors import SimulationError as SimulationError
    from spiceloop.errors import SpiceloopError as SpiceloopError
    from spiceloop.errors import StorageError as StorageError
    from spiceloop.errors import StudyError as StudyError
    from spiceloop.sim.waves import Plot as Plot
    from spiceloop.sim.waves import Waves as Waves
    from spiceloop.spec.evaluate import Evaluation as Evaluation
    from spiceloop.spec.problem import Problem as Problem
    from spiceloop.study.store import Study as Study
    from spiceloop.study.trial import Trial as Trial

_WHERE = {
    "DeckError": "errors",
    "DesignError": "errors",
    "Evaluation": "spec.evaluate",
    "Plot": "sim.waves",
    "Problem": "spec.problem",
    "ProblemError": "errors",
    "Result": "api",
    "SetupError": "errors",
    "SimulationError": "errors",
    "SpiceloopError": "errors",
    "StorageError": "errors",
    "Study": "study.store",
    "StudyError": "errors",
    "Trial": "study.trial",
    "Waves": "sim.waves",
    "load_problem": "api",
    "open_study": "api",
    "resume": "api",
    "simulate": "api",
    "size": "api",
}

__all__ = [
    "DeckError",
    "DesignError",
    "Evaluation",
    "Plot",
    "Problem",
    "ProblemError",
    "Result",
    "SetupError",
    "SimulationError",
    "SpiceloopError",
    "StorageError",
    "Study",
    "StudyError",
    "Trial",
    "Waves",
    "load_problem",
    "open_study",
    "resume",
    "simulate",
    "size",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("spiceloop")
    if name not in _WHERE:
        raise AttributeError(f"module 'spiceloop' has no attribute {name!r}")
    value = getattr(import_module(f"spiceloop.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
