"""Where a study's next trials come from: what a killed run left, the start, the optimizer."""

from __future__ import annotations

import time
from dataclasses import replace

from spiceloop.opt.base import Budget, Choice, Chooser, Optimizer
from spiceloop.study.events import Chosen, OnEvent, Thinking, TrialFinished
from spiceloop.study.store import Study
from spiceloop.study.trial import Origin, Trial

__all__ = ["Source"]

# Trials of a batch are begun together as far as they are simulated within so many seconds: writing
# each alone would take longer than simulating it where that takes milliseconds.
_GROUP_S = 0.3
_LATEST = 20  # trials, for how long one takes


class Source:
    """Decides by what the study holds only, measured seconds included, and by its clock."""

    def __init__(
        self,
        study: Study,
        optimizer: Optimizer,
        budget: Budget,
        initial: int,
        seed: int,
        batch: int,
        on_event: OnEvent,
        stop_when_converged: bool,
    ) -> None:
        self.study = study
        self.optimizer = optimizer
        # The optimizer counts what it was asked for in an earlier study too.
        if budget.trials is not None:
            budget = replace(budget, trials=budget.trials + study.n_earlier)
        self.budget = budget
        self.initial = initial
        self.seed = seed
        self.batch = batch
        self.on_event = on_event
        self.stop_when_converged = stop_when_converged
        self.converged = False
        self.problem = study.bench.problem
        self.task = replace(self.problem.task(initial), budget=budget)
        self._checked = -1  # ended trials when convergence was looked at
        self._told: Choice | None = None

    @property
    def has_more(self) -> bool:
        """Whether there is, or may yet be, a trial to run."""
        return self.study.has_others or self._start() is not None or self._budget_is_left

    @property
    def _budget_is_left(self) -> bool:
        trials, seconds = self.budget.trials, self.budget.seconds
        return (
            not self.converged
            and (trials is None or self.study.n_asked < trials)
            and (seconds is None or self.study.clock_s < seconds)
        )

    def following(self) -> list[tuple[Trial, bool]]:
        """Write the next trials; also say of each whether a killed run left it behind."""
        while True:
            if self.study.is_shared:
                for ended in self.study.reload():
                    self.on_event(TrialFinished(ended))
            if left := self.study.take_left():
                return [(left, True)]
            start = self._start()
            if start is None:
                self._look_for_convergence()
                if not self._budget_is_left:
                    return []
            n_begun = self.study.n_begun
            begun = (
                self.study.begin_next(n_begun, [start], Origin.START)
                if start
                else self._begin_asked(n_begun)
            )
            if begun is not None:
                return [(trial, False) for trial in begun]
            # Another process began one meanwhile: the optimizer has to know of it.

    def _begin_asked(self, n_begun: int) -> list[Trial] | None:
        if queued := self.study.queued:
            head = self.study.newest_batch
            return self.study.begin_next(
                n_begun, queued[: self._group()], head.origin, reason=head.reason
            )
        began = time.perf_counter()
        history = self.study.history()
        choice = self._choice()
        if isinstance(self.optimizer, Chooser):
            choice = self.optimizer.choose(self.task, history)
        self._tell(choice)
        n = self._within(choice.n)
        self.on_event(Thinking(n, self.study.n_asked))
        points = self.optimizer.ask(self.task, history, n, self.seed)
        designs = [self.problem.space.from_unit(point) for point in points]
        return self.study.begin_next(
            n_begun,
            designs[: self._group()],
            Origin(choice.method),
            thinking_s=time.perf_counter() - began,
            reason=choice.reason,
            rest=designs[1:],
        )

    def _choice(self) -> Choice:
        """What an optimizer with one method does."""
        guided = self.study.n_asked >= self.initial and self.optimizer.name != "sobol"
        return Choice("model" if guided else "initial", self.batch, "")

    def _within(self, n: int) -> int:
        """A batch does not reach over the end of the initial trials nor over the budget."""
        n_asked, trials = self.study.n_asked, self.budget.trials
        n = max(n, self.batch)
        if n_asked < self.initial:
            n = min(n, self.initial - n_asked)
        return n if trials is None else min(n, trials - n_asked)

    def _group(self) -> int:
        """How many designs of a batch are begun together.

        One after another where there are corners: the trials before decide in which order they are
        simulated.
        """
        if len(self.problem.corners) > 1:
            return 1
        ended = [t for t in self.study.trials[-4 * _LATEST :] if t.simulation_s > 0][-_LATEST:]
        mean_s = sum(t.simulation_s for t in ended) / len(ended) if ended else _GROUP_S
        return max(int(_GROUP_S / mean_s), 1)

    def _tell(self, choice: Choice) -> None:
        if choice.reason and (self._told is None or self._told.method != choice.method):
            self.on_event(Chosen(choice))
        self._told = choice

    def _look_for_convergence(self) -> None:
        if not self.stop_when_converged:
            return
        from spiceloop.opt.convergence import convergence, next_look

        earlier = self.study.n_earlier
        ended = len(self.study.trials) - earlier
        if ended < next_look(self._checked):
            return
        self._checked = ended
        found = convergence(self.task, self.study.history(), earlier)
        self.converged = found is not None and found.converged

    def _start(self) -> dict[str, float] | None:
        """The start design until it has a trial."""
        start = self.problem.start
        if start is None or self.study.has_start:
            return None
        return {v.name: v.snap(start[v.name]) for v in self.problem.space.variables}
