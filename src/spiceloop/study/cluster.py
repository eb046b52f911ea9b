"""`DaskCrew`: trials are evaluated by the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable

from spiceloop.errors import SetupError
from spiceloop.sim.base import Simulator
from spiceloop.study.events import OnEvent
from spiceloop.study.fleet import Fleet
from spiceloop.study.outcome import outcome_of
from spiceloop.study.store import Study
from spiceloop.study.trial import Failure, Outcome, Trial

__all__ = ["DaskCrew"]


class DaskCrew:
    """The workers of the cluster whose scheduler is at ``address``, or in a scheduler file."""

    def __init__(self, study: Study, address: str, on_event: OnEvent = lambda event: None) -> None:
        self.study = study
        self.fleet: Fleet[Trial, tuple[Outcome, float]] = Fleet(
            address, outcome_of, noun="trial", again="`spiceloop resume`", on_event=on_event
        )

    def hire(self, workers: int | None, simulator: str | Callable[[], Simulator]) -> None:
        """Connect; use at most ``workers`` threads of the cluster, by default all of them.

        Raises `ClusterError` where no scheduler answers, `SetupError` without dask.distributed.
        """
        if not isinstance(simulator, str):
            raise SetupError("a cluster makes its own simulators: give one by its name")
        self.fleet.hire(self.study.bench, workers, simulator)

    @property
    def has_room(self) -> bool:
        """Whether a thread is idle; a first trial may wait for the cluster's first worker."""
        return self.fleet.has_room

    @property
    def busy(self) -> bool:
        """Whether a trial is in flight."""
        return self.fleet.busy

    def start(self, trial: Trial) -> None:
        """Submit a trial."""
        self.fleet.start(trial, dict(trial.design), trial.plan)

    def finished(self, wait_s: float | None) -> list[Trial]:
        """Return trials that are on disk now; with None wait for one, or for more room."""
        written = [self._written(*each) for each in self.fleet.finished(wait_s)]
        return [trial for trial in written if trial is not None]

    def dismiss(self) -> None:
        """Give up what is in flight; its workers end the simulations, and stay for others."""
        self.fleet.dismiss()

    def _written(self, trial: Trial, found: tuple[Outcome, float] | Failure) -> Trial | None:
        outcome, seconds = (Outcome(failure=found), 0.0) if isinstance(found, Failure) else found
        return self.study.finish(trial.number, outcome, simulation_s=seconds)
