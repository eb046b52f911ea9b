"""A study's model at any moment, found again from its trials."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spiceloop.opt.explain.moment import LEAST, Moment
from spiceloop.opt.thin import MOST
from spiceloop.study.record import history_of
from spiceloop.study.trial import Origin, Trial, TrialState

if TYPE_CHECKING:
    from spiceloop.report.view import StudyView

__all__ = ["StudyModel", "evenly"]

# Optimizers whose model-guided trials are proposed by the model that is replayed.
_OWN = ("ehvi", "auto")


class StudyModel:
    """Models of one study: of all its trials, and of those that were known before each one."""

    def __init__(self, view: StudyView) -> None:
        self.view = view
        self._before: dict[int, Moment] = {}

    @cached_property
    def now(self) -> Moment:
        """The model of all ended trials, of those that the optimizer's has where there are many.

        Raises `StudyError` where there are too few.
        """
        return Moment.of(self.view.task, history_of(self.view.problem, self.view.ended))

    def before(self, trial: Trial) -> Moment:
        """The model that knew what the optimizer did when it proposed ``trial``.

        Raises `StudyError` where too few trials had finished.
        """
        if trial.number not in self._before:
            known = [t for t in self.view.ended if t.number < trial.number]
            running = self._running(trial, known)
            waiting = [dict(t.design) for t in known[len(known) - running :]]
            history = history_of(self.view.problem, known[: len(known) - running], waiting)
            self._before[trial.number] = Moment.of(self.view.task, history)
        return self._before[trial.number]

    def proposed(self, trial: Trial) -> bool:
        """Whether a trial was proposed by this model, and not at random or by a peer."""
        return trial.origin is Origin.MODEL and self.view.optimizer in _OWN

    def _running(self, trial: Trial, known: Sequence[Trial]) -> int:
        """How many of the ``known`` trials were not finished when ``trial`` was asked for.

        Those before it in its batch, of which only the first took thinking, and one for each
        further worker; which ones these really were is not recorded.
        """
        running = 0
        last = trial
        for before in reversed(known):
            if last.thinking_s > 0 or before.origin is not trial.origin:
                break
            running, last = running + 1, before
        return min(running + self.view.workers - 1, len(known))

    @cached_property
    def replayable(self) -> tuple[Trial, ...]:
        """Trials whose proposal can be found again: the model-guided ones, else all but the first.

        Those with too few or too many trials before them are left out.
        """
        guided = any(t.origin is Origin.MODEL for t in self.view.ended)
        found = []
        finished = 0
        for i, t in enumerate(self.view.ended):
            wanted = t.origin is Origin.MODEL if guided else i >= self.view.task.n_initial
            running = self._running(t, self.view.ended[:i])
            if wanted and finished - running >= LEAST and i <= MOST:
                found.append(t)
            finished += t.state is TrialState.DONE
        return tuple(found)


def evenly(trials: Sequence[Trial], most: int) -> list[Trial]:
    """Return at most ``most`` of the trials, evenly spaced, the last among them."""
    if len(trials) <= most:
        return list(trials)
    return [trials[i] for i in np.linspace(0, len(trials) - 1, most).round().astype(int)]
