"""`Workshop`: pieces of work for the evaluators of this machine.

One worker evaluates in this process. Several have a process each, because half of an evaluation can
be Python; this process' threads then only send the pieces and wait.
"""

from __future__ import annotations

import pickle
import queue
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Generic, Protocol, TypeVar

from spiceloop.errors import SimulationError
from spiceloop.sim.base import Simulator
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.evaluator_process import EvaluatorProcess
from spiceloop.study.outcome import failure_of
from spiceloop.study.parcel import freeze
from spiceloop.study.trial import Failure

__all__ = ["EvaluatorHere", "Workshop"]

_AGAIN_S = 0.1

Task = TypeVar("Task")  # what the caller knows a piece by
Found = TypeVar("Found")  # what the work on a piece returns


class _Worker(Protocol):
    """Does one piece at a time."""

    def perform(self, work: Callable[..., Any], *arguments: Any) -> Any: ...

    def close(self) -> None: ...


class EvaluatorHere:
    """An evaluator of this process, to be used as an `EvaluatorProcess` is."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def close(self) -> None:
        """Close it."""
        self.evaluator.close()

    def perform(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``work(evaluator, *arguments)``."""
        return work(self.evaluator, *arguments)


class Workshop(Generic[Task, Found]):
    """As many evaluators as pieces of work may be in flight.

    ``work`` is a function of a module, called with an `Evaluator` of the bench and the arguments of
    `start`. ``on_end`` hears of each piece as it ends, in a thread, with the seconds it took.
    """

    def __init__(
        self,
        work: Callable[..., Found],
        on_end: Callable[[Task, float], None] = lambda task, seconds: None,
    ) -> None:
        self.work = work
        self.on_end = on_end
        self.workers: list[_Worker] = []
        self.free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self.pool: ThreadPoolExecutor | None = None
        self.running: set[Future[tuple[Task, Found | Failure]]] = set()

    def hire(
        self, bench: Bench, workers: int | None, simulator: str | Callable[[], Simulator]
    ) -> None:
        """Make the evaluators, by default one; ``simulator`` is a name, or makes one for each."""
        count = workers or 1
        for worker in _workers(bench, count, simulator):
            self.workers.append(worker)
            self.free.put(worker)
        self.pool = ThreadPoolExecutor(count, "spiceloop-work")

    @property
    def has_room(self) -> bool:
        """Whether an evaluator is idle."""
        return len(self.running) < len(self.workers)

    @property
    def busy(self) -> bool:
        """Whether a piece is in flight."""
        return bool(self.running)

    def start(self, task: Task, *arguments: Any) -> None:
        """Begin a piece as soon as an evaluator is idle; ``task`` comes back with what it gave."""
        assert self.pool is not None
        self.running.add(self.pool.submit(self._perform, task, arguments))

    def finished(self, wait_s: float | None) -> list[tuple[Task, Found | Failure]]:
        """Return what is done by now; with None wait for one piece.

        A piece whose evaluator died is a `Failure`. Raises what a piece raised.
        """
        done, self.running = wait(self.running, wait_s, FIRST_COMPLETED)
        return [future.result() for future in done]

    def dismiss(self) -> None:
        """Kill what runs, whose outcome is not wanted, and wait for the threads."""
        running, self.running = self.running, set()
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
            # One that no thread had taken up yet; wait() would wait for it for ever.
            running = {future for future in running if not future.cancelled()}
        while True:  # again and again: one may be between two simulations
            for worker in self.workers:
                worker.close()
            if not running:
                break
            _, running = wait(running, _AGAIN_S)

    def _perform(self, task: Task, arguments: tuple[Any, ...]) -> tuple[Task, Found | Failure]:
        worker = self.free.get()
        began = time.perf_counter()
        found: Found | Failure
        try:
            found = worker.perform(self.work, *arguments)
        except SimulationError as error:
            found = failure_of(error)
        finally:
            self.free.put(worker)
        self.on_end(task, time.perf_counter() - began)
        return task, found


def _workers(bench: Bench, count: int, simulator: str | Callable[[], Simulator]) -> list[_Worker]:
    if not isinstance(simulator, str):
        return [
            EvaluatorHere(Evaluator(bench.problem, bench=bench, engine=simulator()))
            for _ in range(count)
        ]
    if count > 1:
        try:
            frozen = freeze(bench, near=True)
        except (pickle.PicklingError, OSError):
            pass  # a function that only this process has by now: slower, but right
        else:
            return [EvaluatorProcess(frozen, simulator) for _ in range(count)]
    return [EvaluatorHere(Evaluator(bench.problem, simulator, bench=bench)) for _ in range(count)]
