"""Who evaluates the trials of a study: the loop starts them here and collects them here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from spiceloop.sim.base import Simulator
from spiceloop.study.outcome import outcome_of
from spiceloop.study.record import Ended
from spiceloop.study.store import Study
from spiceloop.study.trial import Failure, Outcome, Trial
from spiceloop.study.workshop import Workshop

__all__ = ["Crew", "LocalCrew"]


class Crew(Protocol):
    """Evaluates trials side by side and writes them to the study as they end."""

    def hire(self, workers: int | None, simulator: str | Callable[[], Simulator]) -> None:
        """Get ready for ``workers`` trials at once; ``simulator`` is a name or makes one."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether one more trial can be started."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a trial is being evaluated."""
        ...

    def start(self, trial: Trial) -> None:
        """Evaluate a trial in the background, as soon as there is room."""
        ...

    def finished(self, wait_s: float | None) -> list[Trial]:
        """Return trials that are on disk now; with None wait for one, or for more room."""
        ...

    def dismiss(self) -> None:
        """Kill what runs and free everything; a trial that was killed stays a running one."""
        ...


class LocalCrew:
    """The evaluators of this machine, one a simulation in flight."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.shop: Workshop[Trial, tuple[Outcome, float]] = Workshop(outcome_of, self._ended)
        self.ended: dict[int, tuple[float, float]] = {}  # the study's clock, and seconds taken

    def hire(self, workers: int | None, simulator: str | Callable[[], Simulator]) -> None:
        """Make the evaluators, by default one."""
        self.shop.hire(self.study.bench, workers, simulator)

    @property
    def has_room(self) -> bool:
        """Whether an evaluator is idle."""
        return self.shop.has_room

    @property
    def busy(self) -> bool:
        """Whether a trial is being evaluated."""
        return self.shop.busy

    def start(self, trial: Trial) -> None:
        """Evaluate a trial in the background, as soon as an evaluator is free."""
        self.shop.start(trial, dict(trial.design), trial.plan)

    def finished(self, wait_s: float | None) -> list[Trial]:
        """Write the trials that have ended and return them; with None wait for at least one."""
        ended = [self._written(*each) for each in self.shop.finished(wait_s)]
        ended.sort(key=lambda found: found.clock_s)
        # In one transaction: while it is written, the next ones of a group are simulated.
        return [trial for trial in self.study.finish_all(ended) if trial] if ended else []

    def dismiss(self) -> None:
        """Kill what runs and wait for the threads; what was killed stays a running trial."""
        self.shop.dismiss()

    def _ended(self, trial: Trial, seconds: float) -> None:
        self.ended[trial.number] = self.study.clock_s, seconds

    def _written(self, trial: Trial, found: tuple[Outcome, float] | Failure) -> Ended:
        clock_s, took = self.ended.pop(trial.number)
        outcome, seconds = (Outcome(failure=found), took) if isinstance(found, Failure) else found
        return Ended(trial.number, outcome, seconds, clock_s)
