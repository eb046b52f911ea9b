"""What a report is made from: a frozen view of a study, from a store or from synthetic trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from spiceloop.opt.base import Task
from spiceloop.spec.problem import Problem
from spiceloop.study.trial import Origin, Trial, TrialState

if TYPE_CHECKING:
    from spiceloop.report.explain.explained import Explained
    from spiceloop.report.front import Front
    from spiceloop.sim.waves import Waves

__all__ = ["Simulate", "StudyView"]

# simulate(testbench name or deck path, design) -> waves; what figure hooks are given.
Simulate = Callable[[str, Mapping[str, float]], "Waves"]


@dataclass(frozen=True)
class StudyView:
    """Everything that a report says about a study.

    ``reference`` is the hypervolume's reference point in the loss space of
    `spiceloop.opt.pareto.losses` (shape ``(k,)``, one number a goal); None lets the report apply
    the stated rule to the trials that it sees. ``netlists`` holds the chosen design's decks by
    testbench. ``changes`` says how the problem's files differ from those that the trials were
    simulated with. ``simulate`` serves the problem's figure hooks; without it their card says so.
    ``workers`` designs were simulated side by side.
    """

    problem: Problem
    trials: tuple[Trial, ...]
    task: Task
    name: str = ""
    url: str = ""
    seed: int | None = None
    optimizer: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    chosen: Trial | None = None
    chosen_rule: str = ""
    reference: tuple[float, ...] | None = None
    reference_rule: str = ""
    netlists: Mapping[str, str] = field(default_factory=dict)
    simulate: Simulate | None = None
    command: str = ""
    changes: tuple[str, ...] = ()
    problem_file: str = ""
    learned_from: str = ""
    workers: int = 1

    @cached_property
    def start(self) -> Trial | None:
        """The designer's own design, if the study tried it."""
        return next((t for t in self.trials if t.origin is Origin.START), None)

    @cached_property
    def ended(self) -> tuple[Trial, ...]:
        """Trials that are done or failed, by number."""
        ended = (t for t in self.trials if t.state is not TrialState.RUNNING)
        return tuple(sorted(ended, key=lambda t: t.number))

    @cached_property
    def done(self) -> tuple[Trial, ...]:
        """Trials that were simulated, feasible or not, by number."""
        return tuple(t for t in self.ended if t.state is TrialState.DONE)

    @cached_property
    def failed(self) -> tuple[Trial, ...]:
        """Trials whose simulation failed, by number."""
        return tuple(t for t in self.ended if t.state is TrialState.FAILED)

    @cached_property
    def first_model_trial(self) -> int | None:
        """Number of the first model-guided trial, or None."""
        return next((t.number for t in self.ended if t.origin is Origin.MODEL), None)

    @cached_property
    def front(self) -> Front:
        """Losses, Pareto set and hypervolume of the done trials."""
        from spiceloop.report.front import Front

        return Front.of(self)

    @cached_property
    def explained(self) -> Explained:
        """What the study's model says of it."""
        from spiceloop.report.explain.explained import Explained

        return Explained(self)
