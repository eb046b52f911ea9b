"""One trial, as every stage after the simulation sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Failure", "Origin", "Trial", "TrialState"]


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    DONE = "done"  # simulated; it may still violate constraints
    FAILED = "failed"  # the simulation gave no metrics; ``failure`` says why


class Origin(StrEnum):
    """Who proposed the design."""

    START = "start"  # the designer's own, trial 0, outside the budget
    INITIAL = "initial"  # quasi-random
    MODEL = "model"  # model-guided


@dataclass(frozen=True)
class Failure:
    """Why a trial failed: `FailureKind` value, message, the simulator's own line, the place."""

    kind: str
    message: str
    line: str = ""
    deck: str = ""
    analysis: str = ""


@dataclass(frozen=True)
class Trial:
    """One design and what became of it. Numbers are SI floats; metrics empty unless DONE."""

    number: int
    state: TrialState
    origin: Origin
    design: Mapping[str, float]
    metrics: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)  # metric → relative excess > 0
    failure: Failure | None = None
    simulation_s: float = 0.0
    thinking_s: float = 0.0

    @property
    def feasible(self) -> bool:
        """Simulated, and every constraint met."""
        return self.state is TrialState.DONE and not self.violations
