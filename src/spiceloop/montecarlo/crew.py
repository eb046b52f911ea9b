"""Who simulates the dies of a yield: evaluators of this machine, or the workers of a cluster."""

from __future__ import annotations

from spiceloop.montecarlo.outcome import Outcome, Plan
from spiceloop.spec.bench import Bench
from spiceloop.spec.corners import Corner
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.events import OnEvent
from spiceloop.study.fleet import Fleet
from spiceloop.study.trial import Failure
from spiceloop.study.workshop import Workshop

__all__ = ["Crew", "Die", "simulate_die"]

Die = tuple[Outcome, ...]  # one die at every corner of the plan


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


class Crew:
    """Simulates dies side by side: on this machine, or on the Dask cluster at ``address``.

    Raises `ClusterError` where none answers, `SetupError` without dask.distributed.
    """

    def __init__(
        self,
        bench: Bench,
        plan: Plan,
        simulator: str,
        workers: int | None,
        address: str = "",
        on_event: OnEvent = lambda event: None,
    ) -> None:
        self.plan = plan
        self.team: Workshop[int, Die] | Fleet[int, Die] = (
            Fleet(address, simulate_die, noun="die", again="the same command", on_event=on_event)
            if address
            else Workshop(simulate_die)
        )
        try:
            self.team.hire(bench, workers, simulator)
        except BaseException:
            self.dismiss()
            raise

    @property
    def has_room(self) -> bool:
        """Whether one more die can be started; a first one may wait for a cluster's worker."""
        return self.team.has_room

    @property
    def busy(self) -> bool:
        """Whether a die is being simulated."""
        return self.team.busy

    def start(self, number: int) -> None:
        """Simulate a die in the background."""
        self.team.start(number, self.plan, number)

    def finished(self) -> list[Die]:
        """Wait for at least one die, or for more room, and return those that are done."""
        return [self._die(*each) for each in self.team.finished(None)]

    def dismiss(self) -> None:
        """End what still runs, whose outcome is not wanted, and free everything."""
        self.team.dismiss()

    def _die(self, number: int, found: Die | Failure) -> Die:
        if isinstance(found, Failure):
            return tuple(
                Outcome(number, corner.name, {}, found.message, found.kind)
                for corner in self.plan.corners
            )
        return found
