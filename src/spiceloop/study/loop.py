"""The loop: ask → evaluate → tell, several simulations at a time, every result on disk at once.

The optimizer thinks only when a slot is free, and knows the designs in flight. With one worker a
run is a function of its seed: the same seed gives the same designs, and so does a run that was
killed and resumed, whenever that was.

Several processes may run one study at once where its storage allows it (see `study.store`). They
share the budget: each asks on what all of them have begun, and asks again if another one began a
trial while it was thinking.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from enum import StrEnum

from spiceloop.errors import InputError, StorageError
from spiceloop.opt.base import Optimizer
from spiceloop.sim.base import Simulator
from spiceloop.study.crew import Crew, LocalCrew
from spiceloop.study.events import OnEvent, Thinking, TrialFinished, TrialStarted
from spiceloop.study.heart import Heart
from spiceloop.study.store import Study
from spiceloop.study.trial import Origin, Trial

__all__ = ["Ending", "run_study"]

_LOOK_S = 1.0  # how often an idle process looks what the others have done


class Ending(StrEnum):
    """Why a run came to its end."""

    BUDGET = "budget"  # every trial asked for is there
    INTERRUPTED = "interrupted"  # Ctrl-C
    TIMEOUT = "timeout"  # the time given to the whole run is over


def run_study(
    study: Study,
    optimizer: Optimizer,
    *,
    trials: int,
    initial: int,
    seed: int,
    batch: int = 1,
    workers: int | None = None,
    simulator: str | Callable[[], Simulator] = "ngspice-lib",
    crew: Callable[[Study], Crew] = LocalCrew,
    on_event: OnEvent = lambda event: None,
    timeout: float | None = None,
) -> Ending:
    """Run until the study has ``trials`` trials besides the start design, failed ones included.

    First the trials that a killed run left, then the start design, then what the optimizer asks
    for, ``batch`` at once; ``initial`` of them are quasi-random. ``simulator`` is a name or makes
    one, once for each worker. ``crew`` makes who evaluates; with ``workers`` None it has its usual
    size. ``timeout``, in seconds, ends the asking; what runs then is finished.
    Ctrl-C ends the run at once: simulations are killed, their trials stay running ones, and the
    study can be resumed.

    Any failure of an evaluation is a failed trial. Raises `SetupError` where the simulator is
    missing or the cluster cannot be used, `StorageError` where a result cannot be written,
    `StudyError` while another process runs a study that cannot be shared; in every case what was
    reported as finished is on disk.
    """
    for what, value, least in (
        ("trials", trials, 0),
        ("initial", initial, 0),
        ("batch", batch, 1),
        ("workers", 1 if workers is None else workers, 1),
    ):
        if value < least:
            raise InputError(f"{what} = {value}: expected {least} or more")
    study.claim()
    team = crew(study)
    source = _Source(study, optimizer, trials, initial, seed, batch, on_event)
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    with ExitStack() as last:
        try:
            if study.is_shared:
                last.enter_context(Heart(study.beat))
            team.hire(workers, simulator)
            return _run(source, team, on_event, deadline)
        except KeyboardInterrupt:
            return Ending.INTERRUPTED
        finally:
            team.dismiss()
            with suppress(StorageError):  # the mark of a process that is gone does no harm
                study.release()


def _run(source: _Source, crew: Crew, on_event: OnEvent, deadline: float) -> Ending:
    while True:
        out_of_time = time.monotonic() >= deadline
        while crew.has_room and not out_of_time and (following := source.following()):
            trial, again = following
            on_event(TrialStarted(trial, again))
            crew.start(trial)
            for finished in crew.finished(wait_s=0.0):  # what the optimizer may know by now
                on_event(TrialFinished(finished))
            out_of_time = time.monotonic() >= deadline
        if not crew.busy:
            if not source.has_more:
                return Ending.BUDGET
            if out_of_time:
                return Ending.TIMEOUT
            time.sleep(_LOOK_S)  # other processes run the rest; of one that dies it falls to us
            continue
        idle = source.study.is_shared and crew.has_room
        for finished in crew.finished(wait_s=_LOOK_S if idle else None):
            on_event(TrialFinished(finished))


class _Source:
    """Where the next trial comes from; its decisions depend on what the study holds only."""

    def __init__(
        self,
        study: Study,
        optimizer: Optimizer,
        trials: int,
        initial: int,
        seed: int,
        batch: int,
        on_event: OnEvent,
    ) -> None:
        self.study = study
        self.optimizer = optimizer
        self.trials = trials
        self.initial = initial
        self.seed = seed
        self.batch = batch
        self.on_event = on_event
        self.problem = study.bench.problem
        self.task = self.problem.task(initial)

    @property
    def has_more(self) -> bool:
        return self.study.has_others or self._start() is not None or self._budget_is_left

    @property
    def _budget_is_left(self) -> bool:
        return self.study.n_asked < self.trials

    def following(self) -> tuple[Trial, bool] | None:
        """Write the next trial; also say whether it is one that a killed run left behind."""
        while True:
            if self.study.is_shared:
                for ended in self.study.reload():
                    self.on_event(TrialFinished(ended))
            if left := self.study.take_left():
                return left, True
            start = self._start()
            if start is None and not self._budget_is_left:
                return None
            n_begun = self.study.n_begun
            trial = self._begin_start(n_begun, start) if start else self._begin_asked(n_begun)
            if trial is not None:
                return trial, False
            # Another process began one meanwhile: the optimizer has to know of it.

    def _begin_start(self, n_begun: int, start: dict[str, float]) -> Trial | None:
        return self.study.begin_next(n_begun, start, Origin.START)

    def _begin_asked(self, n_begun: int) -> Trial | None:
        n_asked = self.study.n_asked
        guided = n_asked >= self.initial and self.optimizer.name != "sobol"
        origin = Origin.MODEL if guided else Origin.INITIAL
        if queued := self.study.queued:
            return self.study.begin_next(n_begun, queued[0], origin)
        # A batch does not reach over the end of the quasi-random trials nor over the budget.
        until = self.initial if n_asked < self.initial else self.trials
        n = min(self.batch, until - n_asked, self.trials - n_asked)
        self.on_event(Thinking(n, n_asked))
        began = time.perf_counter()
        points = self.optimizer.ask(self.task, self.study.history(), n, self.seed)
        thinking_s = time.perf_counter() - began
        design, *rest = [self.problem.space.from_unit(point) for point in points]
        return self.study.begin_next(n_begun, design, origin, thinking_s=thinking_s, rest=rest)

    def _start(self) -> dict[str, float] | None:
        """The start design while the study is still empty."""
        start = self.problem.start
        if start is None or self.study.n_begun:
            return None
        return {v.name: v.snap(start[v.name]) for v in self.problem.space.variables}
