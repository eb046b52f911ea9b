"""The loop: ask → evaluate → tell, several simulations at a time, every result on disk at once.

The optimizer thinks only when a slot is free, and knows the designs in flight. With one worker a
run is a function of its seed: the same seed gives the same designs, and so does a run that was
killed and resumed, whenever that was.

Several processes may run one study at once where its storage allows it (see `study.store`). They
share the budget: each asks on what all of them have begun, and asks again if another one began a
trial while it was thinking.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from enum import StrEnum

from spiceloop.errors import InputError, StorageError
from spiceloop.opt.base import Budget, Optimizer
from spiceloop.sim.base import Simulator
from spiceloop.study.crew import Crew, LocalCrew
from spiceloop.study.events import OnEvent, TrialFinished, TrialStarted
from spiceloop.study.heart import Heart
from spiceloop.study.source import Source
from spiceloop.study.store import Study

__all__ = ["Ending", "run_study"]

_LOOK_S = 1.0  # how often an idle process looks what the others have done


class Ending(StrEnum):
    """Why a run came to its end."""

    BUDGET = "budget"  # its trials or its seconds are used up
    CONVERGED = "converged"  # the front has stopped growing, by `opt.convergence`
    INTERRUPTED = "interrupted"  # Ctrl-C


def run_study(
    study: Study,
    optimizer: Optimizer,
    *,
    budget: Budget,
    initial: int,
    seed: int,
    batch: int = 1,
    workers: int | None = None,
    simulator: str | Callable[[], Simulator] = "ngspice-lib",
    crew: Callable[[Study], Crew] = LocalCrew,
    on_event: OnEvent = lambda event: None,
    stop_when_converged: bool = False,
) -> Ending:
    """Run until the study has used up its budget, earlier runs included.

    First the trials that a killed run left, then the start design, then what the optimizer asks
    for, ``batch`` at once where it has no size of its own; ``initial`` of them before it guides.
    ``simulator`` is a name or makes one, once for each worker. ``crew`` makes who evaluates; with
    ``workers`` None it has its usual size. When the seconds are over what runs is finished.
    Ctrl-C ends the run at once: simulations are killed, their trials stay running ones, and the
    study can be resumed.

    Any failure of an evaluation is a failed trial. Raises `SetupError` where the simulator is
    missing or the cluster cannot be used, `StorageError` where a result cannot be written,
    `StudyError` while another process runs a study that cannot be shared; in every case what was
    reported as finished is on disk.
    """
    for what, value, least in (
        ("trials", budget.trials, 0),
        ("seconds", budget.seconds, 0),
        ("initial", initial, 0),
        ("batch", batch, 1),
        ("workers", workers, 1),
    ):
        if value is not None and value < least:
            raise InputError(f"{what} = {value:g}: expected {least} or more")
    if budget == Budget():
        raise InputError("budget: expected a number of trials, of seconds, or both")
    study.claim()
    team = crew(study)
    source = Source(study, optimizer, budget, initial, seed, batch, on_event, stop_when_converged)
    with ExitStack() as last:
        try:
            if study.is_shared:
                last.enter_context(Heart(study.beat))
            team.hire(workers, simulator)
            return _run(source, team, on_event)
        except KeyboardInterrupt:
            return Ending.INTERRUPTED
        finally:
            team.dismiss()
            with suppress(StorageError):  # the mark of a process that is gone does no harm
                study.release()


def _run(source: Source, crew: Crew, on_event: OnEvent) -> Ending:
    while True:
        while crew.has_room and (following := source.following()):
            for trial, again in following:
                on_event(TrialStarted(trial, again))
                crew.start(trial)
            for finished in crew.finished(wait_s=0.0):  # what the optimizer may know by now
                on_event(TrialFinished(finished))
        if not crew.busy:
            if not source.has_more:
                return Ending.CONVERGED if source.converged else Ending.BUDGET
            time.sleep(_LOOK_S)  # other processes run the rest; of one that dies it falls to us
            continue
        idle = source.study.is_shared and crew.has_room
        for finished in crew.finished(wait_s=_LOOK_S if idle else None):
            on_event(TrialFinished(finished))
