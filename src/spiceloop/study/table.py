"""The trials of a study as they were last read, and what the loop asks about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spiceloop.opt.base import Floats, History
from spiceloop.spec.problem import Problem
from spiceloop.study.record import history_of
from spiceloop.study.trial import Origin, Trial, TrialState

__all__ = ["TrialTable"]


class TrialTable:
    """Trials in order of number. What is asked after every trial costs little in long studies."""

    def __init__(self) -> None:
        self.has_start = False
        self._trials: list[Trial] = []
        self._place: dict[int, int] = {}  # number → index in the list
        self._running: set[int] = set()
        self._n_asked = self._n_earlier = 0
        self._batch: tuple[int, Sequence[Mapping[str, float]]] = (0, ())  # where it began, the rest
        self._rows: dict[int, tuple[Floats, list[float]]] = {}  # of histories, by number

    def put(self, trial: Trial, rest: Sequence[Mapping[str, float]] = ()) -> None:
        """Add a trial after all others, or replace the one of its number.

        ``rest`` are the further designs of the batch that a new trial begins.
        """
        place = self._place.get(trial.number)
        if place is None:
            self._place[trial.number] = place = len(self._trials)
            self._trials.append(trial)
            self._n_asked += trial.origin is not Origin.START
            self._n_earlier += trial.origin is Origin.EARLIER
            self.has_start |= trial.origin is Origin.START
            if rest:
                self._batch = (place, rest)
        else:
            self._trials[place] = trial
        if trial.state is TrialState.RUNNING:
            self._running.add(trial.number)
        else:
            self._running.discard(trial.number)

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, number: int) -> Trial:
        return self._trials[self._place[number]]

    def has_ended(self, number: int) -> bool:
        """Whether the trial is known, and done or failed."""
        return number in self._place and number not in self._running

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial in order of number."""
        return tuple(self._trials)

    @property
    def running(self) -> list[int]:
        """Numbers of the trials that have not ended, in order."""
        return sorted(self._running)

    @property
    def n_asked(self) -> int:
        """How many trials an optimizer proposed, in an earlier study too."""
        return self._n_asked

    @property
    def n_earlier(self) -> int:
        """How many of them an earlier study simulated."""
        return self._n_earlier

    @property
    def queued(self) -> tuple[dict[str, float], ...]:
        """Designs of the newest batch that have no trial yet."""
        began, rest = self._batch
        return tuple(dict(d) for d in rest[len(self._trials) - 1 - began :])

    @property
    def newest_batch(self) -> Trial:
        """The first trial of the newest batch."""
        return self._trials[self._batch[0]]

    def history(self, problem: Problem) -> History:
        """Return what an optimizer may know; queued designs count as pending."""
        return history_of(problem, self._trials, self.queued, self._rows)
