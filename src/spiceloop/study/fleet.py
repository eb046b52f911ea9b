"""`Fleet`: pieces of work for the evaluators of a Dask cluster's workers.

Dask starts a piece again on another worker when its worker dies, and gives it up when it has seen
several die (`distributed.scheduler.allowed-failures` times, and once more): that is a `Failure`.
What a worker needs travels with every piece, compressed, so workers may come and go.
"""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from spiceloop.errors import ClusterError, FailureKind
from spiceloop.sim import make_simulator
from spiceloop.spec.bench import Bench
from spiceloop.study.events import ClusterChanged, OnEvent
from spiceloop.study.parcel import Parcel, pack
from spiceloop.study.remote import Answer, Refusal, perform
from spiceloop.study.scheduler import Client, Quiet, connect, first_line
from spiceloop.study.trial import Failure

__all__ = ["Fleet"]

_TICK_S = 0.25  # how long one wait for a result lasts at most
_LOOK_S = 1.0  # how often the cluster is asked for its workers
_FETCH_S = 5.0
_SHOWN = 5  # workers named in one message

Future: TypeAlias = Any  # Dask's own type hints are incomplete
Task = TypeVar("Task")  # what the caller knows a piece by
Found = TypeVar("Found")  # what the work on a piece returns


@dataclass(frozen=True)
class _Job(Generic[Task]):
    """A piece in flight; ``workers`` may do it, None for any."""

    task: Task
    arguments: tuple[Any, ...]
    workers: frozenset[str] | None


class Fleet(Generic[Task, Found]):
    """The workers of the cluster whose scheduler is at ``address``, or in a scheduler file.

    ``work`` is a function of a module; a worker calls it with an `Evaluator` of the bench and the
    arguments of `start`. Messages call a piece ``noun``; ``again`` is what to do when the
    scheduler was lost.
    """

    def __init__(
        self,
        address: str,
        work: Callable[..., Found],
        *,
        noun: str,
        again: str,
        on_event: OnEvent = lambda event: None,
    ) -> None:
        self.address = address
        self.work = work
        self.noun = noun
        self.again = again
        self.on_event = on_event
        self.limit: int | None = None
        self.client: Client = None
        self.parcel: Parcel | None = None
        self.threads: dict[str, int] = {}  # of the workers that are there, by address
        self.refused: dict[str, str] = {}  # workers that must not be used, and why
        self.flying: dict[Future, _Job[Task]] = {}
        self.landed: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._run = uuid.uuid4().hex[:8]
        self._submitted = 0
        self._looked = 0.0
        self._told: set[str] = set()
        self._quiet = Quiet()

    def hire(self, bench: Bench, workers: int | None, simulator: str) -> None:
        """Connect; use at most ``workers`` threads of the cluster, by default all of them.

        Raises `ClusterError` where no scheduler answers, `SetupError` without dask.distributed.
        """
        engine = make_simulator(simulator)
        try:
            self.parcel = pack(bench, simulator, engine.version())
        finally:
            engine.close()
        self.limit = workers
        self._quiet.begin()
        self.client = connect(self.address)
        self._look()

    @property
    def has_room(self) -> bool:
        """Whether a thread is idle; a first trial may wait for the cluster's first worker."""
        slots = sum(n for worker, n in self.threads.items() if worker not in self.refused)
        return len(self.flying) < max(1, min(slots, self.limit or slots))

    @property
    def busy(self) -> bool:
        """Whether a trial is in flight."""
        return bool(self.flying)

    def start(self, task: Task, *arguments: Any) -> None:
        """Submit a piece; ``task`` comes back with what the work on it returned."""
        assert self.client is not None
        workers = frozenset(self.threads) - self.refused.keys() if self.refused else None
        self._submitted += 1
        future = self.client.submit(
            perform,
            self.parcel,
            self.work,
            *arguments,
            key=f"spiceloop-{self._run}-{self.noun}-{self._submitted}",
            workers=None if workers is None else sorted(workers),
            pure=False,
        )
        self.flying[future] = _Job(task, arguments, workers)
        future.add_done_callback(self.landed.put)

    def finished(self, wait_s: float | None) -> list[tuple[Task, Found | Failure]]:
        """Return what is done by now; with None wait for one piece, or for more room."""
        until = None if wait_s is None else time.monotonic() + wait_s
        had_room = self.has_room
        done: list[tuple[Task, Found | Failure]] = []
        while True:
            done += self._collect(_TICK_S if until is None and not done else 0.0)
            if time.monotonic() - self._looked >= _LOOK_S:
                self._look()
            if done or (self.has_room and not had_room):
                return done
            if until is not None and time.monotonic() >= until:
                return done

    def dismiss(self) -> None:
        """Give up what is in flight; its workers end the simulations, and stay for others."""
        client, self.client = self.client, None
        if client is not None:
            flying = list(self.flying)
            self.flying.clear()
            with suppress(Exception):  # the scheduler may be gone
                if flying and client.status == "running":
                    client.cancel(flying, force=True)
            with suppress(Exception):
                client.close(timeout=_FETCH_S)
        self._quiet.end()

    def _collect(self, wait_s: float) -> list[tuple[Task, Found | Failure]]:
        """Take what has landed, waiting for the first."""
        done = []
        with suppress(queue.Empty):
            while True:
                future = self.landed.get(timeout=wait_s) if wait_s else self.landed.get_nowait()
                wait_s = 0.0
                if (settled := self._settle(future)) is not None:
                    done.append(settled)
        return done

    def _settle(self, future: Future) -> tuple[Task, Found | Failure] | None:
        """Return what became of a piece, or start it again."""
        job = self.flying.get(future)
        if job is None:
            return None  # given up meanwhile
        result: Found | Failure
        if future.status == "error":
            result = self._given_up(future.exception(timeout=_FETCH_S))
        elif future.status != "finished":  # cancelled or lost: only a scheduler does that to us
            raise self._lost()
        else:
            try:
                answer = future.result(timeout=_FETCH_S)
            except TimeoutError:  # its worker died with the result: Dask is working on it again
                future.add_done_callback(self.landed.put)
                return None
            except Exception as error:
                raise self._lost() from error
            if isinstance(answer, Refusal):
                del self.flying[future]
                self._refuse(answer)
                self.start(job.task, *job.arguments)
                return None
            assert isinstance(answer, Answer)
            result = answer.result
            for remark in answer.remarks:
                self._remark(f"worker {remark}; results may differ in their last digits")
        del self.flying[future]
        return job.task, result

    def _look(self) -> None:
        """See which workers are there; start anew what waits for workers that have left."""
        assert self.client is not None
        self._looked = time.monotonic()
        if self.client.status != "running":
            raise self._lost()
        try:
            threads = dict(self.client.nthreads())
        except Exception as error:
            raise self._lost() from error
        if threads != self.threads or not self._told:
            self.threads = threads
            self._tell("" if threads else "the cluster has no worker yet; waiting for one")
        for future, job in list(self.flying.items()):
            if job.workers is not None and job.workers.isdisjoint(threads):
                del self.flying[future]
                future.cancel()
                self.start(job.task, *job.arguments)

    def _refuse(self, refusal: Refusal) -> None:
        self.refused[refusal.worker] = refusal.reason
        self._remark(f"not used: {refusal.reason}")
        if not self.threads.keys() - self.refused.keys():
            self._look()
        if not self.threads.keys() - self.refused.keys():
            reasons = list(dict.fromkeys(self.refused.values()))
            more = [f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
            raise ClusterError(
                f"no worker of the cluster at {self.address} can be used:\n"
                + "\n".join(f"  - {line}" for line in [*reasons[:_SHOWN], *more])
            )

    def _remark(self, text: str) -> None:
        if text not in self._told:
            self._tell(text)

    def _tell(self, remark: str) -> None:
        self._told.add(remark)
        usable = {w: n for w, n in self.threads.items() if w not in self.refused}
        self.on_event(ClusterChanged(len(usable), sum(usable.values()), remark))

    def _lost(self) -> ClusterError:
        n = len(self.flying)
        return ClusterError(
            f"the Dask scheduler at {self.address} was lost: it stopped, or cannot be reached any "
            f"more. Finished {self.noun}s are kept; {n} in flight will be simulated again. Start "
            f"the cluster again, then {self.again}"
        )

    def _given_up(self, error: Any) -> Failure:
        """What Dask says of a piece whose workers kept dying. Raises `ClusterError` otherwise."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            times = error.allowed_failures + 1
            last = getattr(error.last_worker, "address", error.last_worker)
            return Failure(
                FailureKind.CRASH.value,
                f"{times} workers of the cluster died while they evaluated this {self.noun}, the "
                f"last one at {last}; given up. Their logs say why: often the memory limit (dask "
                "worker --memory-limit) or a Python function of the problem",
            )
        raise ClusterError(
            f"a worker of the cluster could not take a {self.noun}: {type(error).__name__}: "
            f"{first_line(error)}; install the same spiceloop there as here, then {self.again}"
        )
