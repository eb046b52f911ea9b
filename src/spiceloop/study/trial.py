"""One trial, as every stage after the simulation sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Failure", "Origin", "Outcome", "Plan", "Trial", "TrialState"]


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    DONE = "done"  # simulated; it may still violate constraints
    FAILED = "failed"  # the simulation gave no metrics; ``failure`` says why


class Origin(StrEnum):
    """Who proposed the design."""

    START = "start"  # the designer's own, outside the budget
    INITIAL = "initial"  # before the model guides
    MODEL = "model"  # model-guided
    POPULATION = "population"  # bred from the best designs so far
    EARLIER = "earlier"  # of an earlier study, outside the budget; nothing was simulated again

    @property
    def counts(self) -> bool:
        """Whether such trials use up the budget."""
        return self not in (Origin.START, Origin.EARLIER)


@dataclass(frozen=True)
class Failure:
    """Why a trial failed: `FailureKind` value, message, the simulator's own line, the place."""

    kind: str
    message: str
    line: str = ""
    deck: str = ""
    analysis: str = ""
    corner: str = ""


@dataclass(frozen=True)
class Plan:
    """In which order a trial's corners are simulated, by name, and whether a design that has failed
    at one skips the rest.
    """

    order: tuple[str, ...]
    early_stop: bool


@dataclass(frozen=True)
class Outcome:
    """What an evaluation gave: metrics, or why there are none.

    ``metrics`` are the worst over ``corners`` (corner → metric → value, as simulated). Of the
    simulations that all corners take, ``simulations`` were run and ``saved`` were skipped, because
    the design had failed already.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    corners: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    simulations: int = 0
    saved: int = 0


@dataclass(frozen=True)
class Trial:
    """One design and what became of it. Numbers are SI floats; metrics empty unless DONE.

    Of a problem with corners, ``metrics`` are the worst over those that were simulated;
    ``corners`` holds each (corner → metric → value). Where ``saved`` > 0 the design is known to
    fail, and its metrics would be no better at the corners that were skipped.

    ``clock_s`` is what the study's clock, which stands still while nobody runs it, showed when the
    trial ended; ``reason`` says why its design was proposed as it was, where there was a choice.
    """

    number: int
    state: TrialState
    origin: Origin
    design: Mapping[str, float]
    metrics: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)  # metric → relative excess > 0
    failure: Failure | None = None
    simulation_s: float = 0.0
    thinking_s: float = 0.0
    corners: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    simulations: int = 0
    saved: int = 0
    plan: Plan | None = None
    clock_s: float = 0.0
    reason: str = ""

    @property
    def feasible(self) -> bool:
        """Simulated, and every constraint met."""
        return self.state is TrialState.DONE and not self.violations
