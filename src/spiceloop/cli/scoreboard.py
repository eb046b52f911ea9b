"""What a run has reached so far, counted trial by trial; the display draws it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spiceloop.study.trial import Failure, Origin, Trial, TrialState

if TYPE_CHECKING:
    from spiceloop.opt.base import Budget, Task
    from spiceloop.spec.problem import Problem

__all__ = ["Scoreboard"]


@dataclass
class Scoreboard:
    """Ended trials of one study, which may use ``budget``; the start design and those of an earlier
    study are not counted.
    """

    problem: Problem
    task: Task
    budget: Budget
    trials: dict[int, Trial] = field(default_factory=dict)
    clock_s: float = 0.0  # of the study, at the newest trial
    # Objectives of scale auto that took a value ≤ 0: the hypervolume is then on another scale.
    linear: set[str] = field(default_factory=set)
    _ended: int = 0

    def add(self, trial: Trial) -> None:
        """Count an ended trial; one that is added again replaces itself."""
        if trial.state is not TrialState.RUNNING:
            new = trial.number not in self.trials
            self._ended += new and trial.origin.counts
            self.clock_s = max(self.clock_s, trial.clock_s)
            self.trials[trial.number] = trial
            goals = (g.metric for g in self.task.goals if g.scale == "auto")
            self.linear |= {name for name in goals if trial.metrics.get(name, 1.0) <= 0}

    @property
    def start(self) -> Trial | None:
        """The designer's start, if it was simulated."""
        found = (t for t in self.trials.values() if t.origin is Origin.START)
        return next((t for t in found if t.state is TrialState.DONE), None)

    @property
    def ended(self) -> int:
        """Trials of the budget that are done or failed."""
        return self._ended

    @property
    def used_share(self) -> float:
        """Share of the budget that is used up, 0 to 1."""
        trials, seconds = self.budget.trials, self.budget.seconds
        shares = (
            self.ended / max(trials, 1) if trials is not None else 0.0,
            self.clock_s / seconds if seconds else 0.0,
        )
        return min(max(shares), 1.0)

    def used_text(self) -> str:
        """Say how much of the budget is used up: ``12/35``, ``310, 12/60 s``."""
        trials, seconds = self.budget.trials, self.budget.seconds
        text = f"{self.ended}" if trials is None else f"{self.ended}/{trials}"
        return text if seconds is None else f"{text}, {self.clock_s:.0f}/{seconds:g} s"

    @property
    def feasible(self) -> int:
        """Trials of the budget that meet every constraint."""
        return sum(t.feasible and t.origin.counts for t in self.trials.values())

    def spec_text(self) -> str:
        """Say how many trials meet every bound; empty for a problem without bounds."""
        if not self.task.constraints:
            return ""
        return f"{self.feasible} of {self.ended} meet every spec"

    @property
    def failures(self) -> Counter[str]:
        """Failed trials of the budget by kind of failure."""
        failed = (t for t in self.trials.values() if t.origin.counts)
        return Counter(t.failure.kind for t in failed if t.failure is not None)

    @property
    def start_failure(self) -> Failure | None:
        """Why the designer's start could not be simulated, if it was tried in vain."""
        found = (t.failure for t in self.trials.values() if t.origin is Origin.START)
        return next(found, None)

    @property
    def simulations(self) -> int:
        """Simulations run, of a problem with corners; the start counted."""
        return sum(t.simulations for t in self.trials.values())

    @property
    def saved(self) -> int:
        """Simulations skipped, because the design had failed at another corner."""
        return sum(t.saved for t in self.trials.values())

    def simulation_text(self) -> str:
        """Say how many simulations were run and saved; empty for a problem with one corner."""
        total = self.simulations + self.saved
        if not total:
            return ""
        return f"simulations: {self.simulations}, saved {self.saved} ({self.saved / total:.0%})"

    @property
    def thinking_s(self) -> float:
        """Seconds spent in the optimizer."""
        return sum(t.thinking_s for t in self.trials.values())

    @property
    def simulation_s(self) -> float:
        """Seconds spent simulating, workers side by side counted each."""
        return sum(t.simulation_s for t in self.trials.values() if t.origin is not Origin.EARLIER)

    def best(self, metric: str) -> Trial | None:
        """Return the trial that is best in one objective.

        Among those that meet every constraint; while none does, among all that were simulated.
        """
        done = [t for t in self.trials.values() if t.state is TrialState.DONE]
        pool = [t for t in done if t.feasible] or done
        sign = -1.0 if self.problem.metrics[metric].goal == "maximize" else 1.0
        return min(pool, key=lambda t: sign * t.metrics[metric], default=None)

    def hypervolume(self) -> float:
        """Hypervolume of the designs that meet every constraint, by the report's own rule."""
        import numpy as np

        from spiceloop.opt.pareto import feasible_mask, hypervolume, losses, reference_point

        ordered = [self.trials[n] for n in sorted(self.trials)]
        if not ordered:
            return 0.0
        names = tuple(self.problem.metrics)
        metrics = np.array([[t.metrics.get(n, np.nan) for n in names] for t in ordered])
        points = losses(self.task, metrics, names)
        points[~feasible_mask(self.task, metrics, names)] = np.nan
        start = next((i for i, t in enumerate(ordered) if t.origin is Origin.START), None)
        return hypervolume(points, reference_point(self.task, metrics, names, start=start))
