"""Optimizers: which designs to simulate next. `base` says what one is; one method a file.

========== ======================================================================================
auto       ehvi and population, as what simulating and thinking cost has room for them
ehvi       expected hypervolume improvement on Gaussian processes
population constrained evolution: for simulations so short that thinking does not pay
screened   the same, with children that the model looks at first
sobol      scrambled Sobol points: the initial trials, and a baseline
gpsampler  Optuna's GPSampler, a peer
tpe        Optuna's tree-structured Parzen estimator, a peer
nsga2      Optuna's NSGA-II, a peer
========== ======================================================================================
"""

from __future__ import annotations

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import InputError
from spiceloop.opt.base import Budget, Constraint, Goal, History, Optimizer, Task

__all__ = [
    "OPTIMIZERS",
    "Budget",
    "Constraint",
    "Goal",
    "History",
    "Optimizer",
    "Task",
    "make_optimizer",
]

OPTIMIZERS = ("auto", "ehvi", "population", "screened", "sobol", "gpsampler", "tpe", "nsga2")


def make_optimizer(name: str = "auto") -> Optimizer:
    """Return an optimizer by its short name. Raises `InputError` for an unknown one."""
    # Imports inside: torch and optuna take seconds, and worker processes need neither.
    match name:
        case "auto":
            from spiceloop.opt.auto import Auto

            return Auto()
        case "population":
            from spiceloop.opt.population import Population

            return Population()
        case "screened":
            from spiceloop.opt.screened import Screened

            return Screened()
        case "ehvi":
            from spiceloop.opt.ehvi import Ehvi

            return Ehvi()
        case "sobol":
            from spiceloop.opt.sobol import Sobol

            return Sobol()
        case "gpsampler" | "tpe" | "nsga2":
            from spiceloop.opt.peers import OptunaPeer

            return OptunaPeer(name)
    raise InputError(
        f"unknown optimizer {name!r}{did_you_mean(name, OPTIMIZERS)}; "
        f"choose one of {', '.join(OPTIMIZERS)}"
    )
