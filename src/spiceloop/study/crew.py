"""Who evaluates the trials of a study: the loop starts them here and collects them here."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from spiceloop.errors import SetupError, SimulationError
from spiceloop.sim.base import Simulator
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.record import Ended
from spiceloop.study.store import Study
from spiceloop.study.trial import Failure, Outcome, Plan, Trial

__all__ = ["Crew", "LocalCrew", "outcome_of"]


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


def outcome_of(
    evaluator: Evaluator, design: Mapping[str, float], plan: Plan | None = None
) -> tuple[Outcome, float]:
    """Evaluate a design; return its metrics or why there are none, and the seconds it took.

    ``plan`` says in which order the corners are simulated; all of them without one. Raises
    `SetupError` only: where it is raised no trial could succeed.
    """
    began = time.perf_counter()
    try:
        corners = {c.name: c for c in evaluator.bench.corners}
        found = evaluator.attempt(
            design,
            [corners[name] for name in plan.order] if plan else None,
            early_stop=plan is not None and plan.early_stop,
        )
        outcome = Outcome(
            found.metrics,
            _failure(found.failure) if found.failure else None,
            {name: dict(at.metrics) for name, at in found.corners.items()},
            found.simulations,
            found.saved,
        )
    except SetupError:
        raise
    except SimulationError as e:
        outcome = Outcome(failure=_failure(e))
    except Exception as e:
        outcome = Outcome(failure=Failure("error", f"{type(e).__name__}: {e}"))
    return outcome, time.perf_counter() - began


def _failure(error: SimulationError) -> Failure:
    e = error
    return Failure(e.kind.value, e.message, e.line, e.deck, e.analysis, e.corner)


class LocalCrew:
    """Threads of this process, and their evaluators, one a simulation in flight."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.evaluators: list[Evaluator] = []
        self.free: queue.SimpleQueue[Evaluator] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.pool: ThreadPoolExecutor | None = None
        self.running: set[Future[Ended | None]] = set()

    def hire(self, workers: int | None, simulator: str | Callable[[], Simulator]) -> None:
        """Make the evaluators, by default one."""
        bench = self.study.bench
        workers = workers or 1
        for _ in range(workers):
            evaluator = (
                Evaluator(bench.problem, simulator, bench=bench)
                if isinstance(simulator, str)
                else Evaluator(bench.problem, bench=bench, engine=simulator())
            )
            self.evaluators.append(evaluator)
            self.free.put(evaluator)
        self.pool = ThreadPoolExecutor(workers, "spiceloop-trial")

    @property
    def has_room(self) -> bool:
        """Whether an evaluator is idle."""
        return len(self.running) < len(self.evaluators)

    @property
    def busy(self) -> bool:
        """Whether a trial is being evaluated."""
        return bool(self.running)

    def start(self, trial: Trial) -> None:
        """Evaluate a trial in the background, as soon as an evaluator is free."""
        assert self.pool is not None
        self.running.add(self.pool.submit(self._work, trial))

    def finished(self, wait_s: float | None) -> list[Trial]:
        """Write the trials that have ended and return them; with None wait for at least one."""
        done, self.running = wait(self.running, wait_s, FIRST_COMPLETED)
        ended = [found for future in done if (found := future.result()) is not None]
        ended.sort(key=lambda found: found.clock_s)
        # In one transaction: while it is written, the next ones of a group are simulated.
        return [trial for trial in self.study.finish_all(ended) if trial] if ended else []

    def dismiss(self) -> None:
        """Kill what runs and wait for the threads."""
        self.stopping.set()
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
        running = self.running
        while running:  # again and again: one may be between two simulations
            for evaluator in self.evaluators:
                evaluator.close()
            _, running = wait(running, 0.1)
        for evaluator in self.evaluators:
            evaluator.close()

    def _work(self, trial: Trial) -> Ended | None:
        evaluator = self.free.get()
        try:
            outcome, seconds = outcome_of(evaluator, trial.design, trial.plan)
        finally:
            self.free.put(evaluator)
        if self.stopping.is_set() and outcome.failure is not None:
            return None  # it failed because it was killed; it stays a running trial
        return Ended(trial.number, outcome, seconds, self.study.clock_s)
