"""Who optimizes: one family a file, all asked and told one design at a time.

============ =====================================================================================
ehvi         spiceloop's method guided by a model
auto         that and a population search in turns; in seconds only, else it is ehvi
population   spiceloop's population search; in seconds only
screened     the same, with children that the model looks at first; in seconds only
sobol        scrambled Sobol points
tpe          Optuna's TPESampler, as it comes
nsga2        Optuna's NSGAIISampler
gpsampler    Optuna's GPSampler, told that simulations are deterministic
pymoo        pymoo's NSGA2
qlognehvi    BoTorch's tutorial loop of constrained multi-objective optimization
ax           Ax's default strategy, in an environment of its own
============ =====================================================================================
"""

from __future__ import annotations

from arena.budget import Budget
from arena.competitors.base import Competitor
from arena.problems import ArenaProblem

__all__ = ["COMPETITORS", "TIMED_ONLY", "Competitor", "make_competitor"]

COMPETITORS = (
    "ehvi",
    "auto",
    "population",
    "screened",
    "sobol",
    "tpe",
    "nsga2",
    "gpsampler",
    "pymoo",
    "qlognehvi",
    "ax",
)


# Those that a comparison at equal simulations has no use for.
TIMED_ONLY = ("auto", "population", "screened")


def make_competitor(name: str, problem: ArenaProblem, budget: Budget, seed: int) -> Competitor:
    """Return a competitor by its name."""
    match name:
        case "ehvi" | "auto" | "population" | "screened" | "sobol":
            from arena.competitors.ours import Ours

            return Ours(name, problem, budget, seed)
        case "tpe" | "nsga2" | "gpsampler":
            from arena.competitors.optuna_samplers import OptunaSampler

            return OptunaSampler(name, problem, seed)
        case "pymoo":
            from arena.competitors.pymoo_nsga2 import PymooNsga2

            return PymooNsga2(problem, seed)
        case "qlognehvi":
            from arena.competitors.botorch_tutorial import BotorchTutorial

            return BotorchTutorial(problem, seed)
        case "ax":
            from arena.competitors.ax_default import AxDefault

            return AxDefault(problem, seed)
    raise ValueError(f"unknown competitor {name!r}; there are {', '.join(COMPETITORS)}")
