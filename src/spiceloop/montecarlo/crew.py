"""Who simulates the dies of a yield: threads of this process, or the workers of a cluster."""

from __future__ import annotations

import queue
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from spiceloop.montecarlo.outcome import Outcome, Plan
from spiceloop.spec.bench import Bench
from spiceloop.spec.corners import Corner
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.events import OnEvent
from spiceloop.study.fleet import Fleet
from spiceloop.study.trial import Failure

__all__ = ["ClusterCrew", "Crew", "Die", "LocalCrew", "simulate_die"]

Die = tuple[Outcome, ...]  # one die at every corner of the plan


class Crew(Protocol):
    """Simulates dies side by side."""

    @property
    def has_room(self) -> bool:
        """Whether one more die can be started."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a die is being simulated."""
        ...

    def start(self, number: int) -> None:
        """Simulate a die in the background."""
        ...

    def finished(self) -> list[Die]:
        """Wait for at least one die, or for more room, and return those that are done."""
        ...

    def dismiss(self) -> None:
        """End what still runs, whose outcome is not wanted, and free everything."""
        ...


def simulate_die(evaluator: Evaluator, plan: Plan, number: int) -> Die:
    """Simulate one die at every corner; a corner that fails does not hide the others."""
    return tuple(_at(evaluator, plan, number, corner) for corner in plan.corners)


def _at(evaluator: Evaluator, plan: Plan, number: int, corner: Corner) -> Outcome:
    found = evaluator.attempt(plan.design, [corner], sample=plan.sample(number))
    if found.failure is not None:
        said = found.failure
        message = said.message + (f" ({said.line})" if said.line else "")
        return Outcome(number, corner.name, {}, message, said.kind.value, found.seconds)
    metrics = found.corners[corner.name].metrics
    return Outcome(number, corner.name, dict(metrics), seconds=found.seconds)


class LocalCrew:
    """Threads of this process, and their evaluators."""

    def __init__(self, bench: Bench, plan: Plan, simulator: str, workers: int) -> None:
        self.plan = plan
        self.evaluators = [Evaluator(bench.problem, simulator, bench=bench) for _ in range(workers)]
        self.free: queue.SimpleQueue[Evaluator] = queue.SimpleQueue()
        for evaluator in self.evaluators:
            self.free.put(evaluator)
        self.pool = ThreadPoolExecutor(workers, "spiceloop-die")
        self.running: set[Future[Die]] = set()

    @property
    def has_room(self) -> bool:
        """Whether an evaluator is idle."""
        return len(self.running) < len(self.evaluators)

    @property
    def busy(self) -> bool:
        """Whether a die is being simulated."""
        return bool(self.running)

    def start(self, number: int) -> None:
        """Simulate a die in the background."""
        self.running.add(self.pool.submit(self._die, number))

    def finished(self) -> list[Die]:
        """Wait for at least one die and return those that are done."""
        done, self.running = wait(self.running, return_when=FIRST_COMPLETED)
        return [future.result() for future in done]

    def dismiss(self) -> None:
        """Kill what runs and wait for the threads."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for evaluator in self.evaluators:
            evaluator.close()
        self.pool.shutdown(wait=True)

    def _die(self, number: int) -> Die:
        evaluator = self.free.get()
        try:
            return simulate_die(evaluator, self.plan, number)
        finally:
            self.free.put(evaluator)


class ClusterCrew:
    """The workers of the Dask cluster whose scheduler is at ``address``.

    Raises `ClusterError` where none answers, `SetupError` without dask.distributed.
    """

    def __init__(
        self,
        bench: Bench,
        plan: Plan,
        simulator: str,
        workers: int | None,
        address: str,
        on_event: OnEvent,
    ) -> None:
        self.plan = plan
        self.fleet: Fleet[int, Die] = Fleet(
            address, simulate_die, noun="die", again="the same command", on_event=on_event
        )
        try:
            self.fleet.hire(bench, workers, simulator)
        except BaseException:
            self.dismiss()
            raise

    @property
    def has_room(self) -> bool:
        """Whether a thread is idle; a first die may wait for the cluster's first worker."""
        return self.fleet.has_room

    @property
    def busy(self) -> bool:
        """Whether a die is being simulated."""
        return self.fleet.busy

    def start(self, number: int) -> None:
        """Submit a die."""
        self.fleet.start(number, self.plan, number)

    def finished(self) -> list[Die]:
        """Wait for at least one die, or for more room, and return those that are done."""
        return [self._die(*each) for each in self.fleet.finished(None)]

    def dismiss(self) -> None:
        """Give up what is in flight; its workers end the simulations, and stay for others."""
        self.fleet.dismiss()

    def _die(self, number: int, found: Die | Failure) -> Die:
        if isinstance(found, Failure):
            return tuple(
                Outcome(number, corner.name, {}, found.message, found.kind)
                for corner in self.plan.corners
            )
        return found
