"""Who optimizes: one family a file, all asked and told one design at a time.

============ =====================================================================================
ehvi         spiceloop's main method
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

from arena.competitors.base import Competitor
from arena.problems import ArenaProblem

__all__ = ["COMPETITORS", "Competitor", "make_competitor"]

COMPETITORS = ("ehvi", "sobol", "tpe", "nsga2", "gpsampler", "pymoo", "qlognehvi", "ax")


def make_competitor(name: str, problem: ArenaProblem, seed: int) -> Competitor:
    """Return a competitor by its name."""
    match name:
        case "ehvi" | "sobol":
            from arena.competitors.ours import Ours

            return Ours(name, problem, seed)
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
