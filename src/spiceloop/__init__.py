"""SPICE in the loop of analog design: sizing by Bayesian optimization, filters co-designed.

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
    from spiceloop.bridge.codesign import run_codesign as run_codesign
    from spiceloop.circuit.pdk.sample import Sample as Sample
    from spiceloop.errors import AudioError as AudioError
    from spiceloop.errors import ConfigError as ConfigError
    from spiceloop.errors import DataError as DataError
    from spiceloop.errors import DeckError as DeckError
    from spiceloop.errors import DesignError as DesignError
    from spiceloop.errors import ProblemError as ProblemError
    from spiceloop.errors import SetupError as SetupError
    from spiceloop.errors import SimulationError as SimulationError
    from spiceloop.errors import SpiceloopError as SpiceloopError
    from spiceloop.errors import StorageError as StorageError
    from spiceloop.errors import StudyError as StudyError
    from spiceloop.errors import TrainingError as TrainingError
    from spiceloop.filterbank.bank import FilterBank as FilterBank
    from spiceloop.kws.config import load_config as load_config
    from spiceloop.kws.load import load_data as load_data
    from spiceloop.montecarlo.estimate import estimate_yield as estimate_yield
    from spiceloop.montecarlo.summary import Yield as Yield
    from spiceloop.sim.waves import Plot as Plot
    from spiceloop.sim.waves import Waves as Waves
    from spiceloop.spec.evaluate import Evaluation as Evaluation
    from spiceloop.spec.problem import Problem as Problem
    from spiceloop.study.store import Study as Study
    from spiceloop.study.trial import Trial as Trial

_WHERE = {
    "AudioError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "DeckError": "errors",
    "DesignError": "errors",
    "Evaluation": "spec.evaluate",
    "FilterBank": "filterbank.bank",
    "Plot": "sim.waves",
    "Problem": "spec.problem",
    "ProblemError": "errors",
    "Result": "api",
    "Sample": "circuit.pdk.sample",
    "SetupError": "errors",
    "SimulationError": "errors",
    "SpiceloopError": "errors",
    "StorageError": "errors",
    "Study": "study.store",
    "StudyError": "errors",
    "TrainingError": "errors",
    "Trial": "study.trial",
    "Waves": "sim.waves",
    "Yield": "montecarlo.summary",
    "estimate_yield": "montecarlo.estimate",
    "load_config": "kws.config",
    "load_data": "kws.load",
    "load_problem": "api",
    "open_study": "api",
    "resume": "api",
    "run_codesign": "bridge.codesign",
    "simulate": "api",
    "size": "api",
}

__all__ = [
    "AudioError",
    "ConfigError",
    "DataError",
    "DeckError",
    "DesignError",
    "Evaluation",
    "FilterBank",
    "Plot",
    "Problem",
    "ProblemError",
    "Result",
    "Sample",
    "SetupError",
    "SimulationError",
    "SpiceloopError",
    "StorageError",
    "Study",
    "StudyError",
    "TrainingError",
    "Trial",
    "Waves",
    "Yield",
    "estimate_yield",
    "load_config",
    "load_data",
    "load_problem",
    "open_study",
    "resume",
    "run_codesign",
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
