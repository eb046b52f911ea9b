"""`DaskCrew`: trials are evaluated by the workers of a Dask cluster.

Dask starts a trial again on another worker when its worker dies, and gives it up when it has seen
several die (`distributed.scheduler.allowed-failures` times, and once more); that is a failed trial.
What a worker needs travels with every trial, compressed, so workers may come and go.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import socket
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from spiceloop.errors import ClusterError, FailureKind, SetupError
from spiceloop.sim import make_simulator
from spiceloop.sim.base import Simulator
from spiceloop.study.events import ClusterChanged, OnEvent
from spiceloop.study.parcel import Parcel, pack
from spiceloop.study.remote import Answer, Refusal, perform
from spiceloop.study.store import Study
from spiceloop.study.trial import Failure, Outcome, Trial

__all__ = ["DaskCrew", "connect"]

_CONNECT_S = 10.0
_TICK_S = 0.25  # how long one wait for a result lasts at most
_LOOK_S = 1.0  # how often the cluster is asked for its workers
_FETCH_S = 5.0
_SHOWN = 5  # workers named in one message

Client: TypeAlias = Any  # Dask's own type hints are incomplete
Future: TypeAlias = Any


@dataclass(frozen=True)
class _Job:
    """A trial in flight; ``workers`` may evaluate it, None for any."""

    trial: Trial
    workers: frozenset[str] | None


class DaskCrew:
    """The workers of the cluster whose scheduler is at ``address``, or in a scheduler file."""

    def __init__(self, study: Study, address: str, on_event: OnEvent = lambda event: None) -> None:
        self.study = study
        self.address = address
        self.on_event = on_event
        self.limit: int | None = None
        self.client: Client = None
        self.parcel: Parcel | None = None
        self.threads: dict[str, int] = {}  # of the workers that are there, by address
        self.refused: dict[str, str] = {}  # workers that must not be used, and why
        self.flying: dict[Future, _Job] = {}
        self.landed: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._run = uuid.uuid4().hex[:8]
        self._submitted = 0
        self._looked = 0.0
        self._told: set[str] = set()
        self._quiet = _Quiet()

    def hire(self, workers: int | None, simulator: str | Callable[[], Simulator]) -> None:
        """Connect; use at most ``workers`` threads of the cluster, by default all of them.

        Raises `ClusterError` where no scheduler answers, `SetupError` without dask.distributed.
        """
        if not isinstance(simulator, str):
            raise SetupError("a cluster makes its own simulators: give one by its name")
        engine = make_simulator(simulator)
        try:
            self.parcel = pack(self.study.bench, simulator, engine.version())
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

    def start(self, trial: Trial) -> None:
        """Submit a trial."""
        assert self.client is not None
        workers = frozenset(self.threads) - self.refused.keys() if self.refused else None
        self._submitted += 1
        future = self.client.submit(
            perform,
            self.parcel,
            dict(trial.design),
            trial.plan,
            key=f"spiceloop-{self._run}-trial-{trial.number}-{self._submitted}",
            workers=None if workers is None else sorted(workers),
            pure=False,
        )
        self.flying[future] = _Job(trial, workers)
        future.add_done_callback(self.landed.put)

    def finished(self, wait_s: float | None) -> list[Trial]:
        """Return trials that are on disk now; with None wait for one, or for more room."""
        until = None if wait_s is None else time.monotonic() + wait_s
        had_room = self.has_room
        done: list[Trial] = []
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

    def _collect(self, wait_s: float) -> list[Trial]:
        """Take what has landed, waiting for the first."""
        done = []
        with suppress(queue.Empty):
            while True:
                future = self.landed.get(timeout=wait_s) if wait_s else self.landed.get_nowait()
                wait_s = 0.0
                if (trial := self._settle(future)) is not None:
                    done.append(trial)
        return done

    def _settle(self, future: Future) -> Trial | None:
        """Write what became of a trial, or start it again."""
        job = self.flying.get(future)
        if job is None:
            return None  # given up meanwhile
        if future.status == "error":
            outcome = Outcome(failure=_given_up(future.exception(timeout=_FETCH_S)))
            seconds = 0.0
        elif future.status != "finished":  # cancelled or lost: only a scheduler does that to us
            raise self._lost()
        else:
            try:
                answer = future.result(timeout=_FETCH_S)
            except TimeoutError:  # its worker died with the result: Dask is evaluating it again
                future.add_done_callback(self.landed.put)
                return None
            except Exception as error:
                raise self._lost() from error
            if isinstance(answer, Refusal):
                del self.flying[future]
                self._refuse(answer)
                self.start(job.trial)
                return None
            assert isinstance(answer, Answer)
            outcome, seconds = answer.outcome, answer.seconds
            for remark in answer.remarks:
                self._remark(f"worker {remark}; results may differ in their last digits")
        del self.flying[future]
        return self.study.finish(job.trial.number, outcome, simulation_s=seconds)

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
                self.start(job.trial)

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
            f"more. Finished trials are kept; {n} in flight will be simulated again. Start the "
            "cluster again, then `spiceloop resume`"
        )


def _given_up(error: Any) -> Failure:
    """What Dask says of a trial whose workers kept dying. Raises `ClusterError` for all else."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        last = getattr(error.last_worker, "address", error.last_worker)
        return Failure(
            FailureKind.CRASH.value,
            f"{times} workers of the cluster died while they evaluated this trial, the last one at "
            f"{last}; given up. Their logs say why: often the memory limit (dask worker "
            "--memory-limit) or a Python function of the problem",
        )
    raise ClusterError(
        f"a worker of the cluster could not take a trial: {type(error).__name__}: "
        f"{_first_line(error)}; install the same spiceloop there as here, then `spiceloop resume`"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def connect(address: str) -> Client:
    """Return a client of the scheduler at an address or in a scheduler file; the caller closes it.

    Raises `ClusterError` where none answers, `SetupError` without dask.distributed.
    """
    try:
        import distributed
    except ImportError as error:
        raise SetupError(
            "a cluster needs dask.distributed: pip install 'spiceloop[cluster]', here and on "
            "every worker"
        ) from error
    quiet = _Quiet()
    quiet.begin()
    try:
        found = _address_in(address)
        # A client given a wrong address can wait for ever; so ask first, in a loop of our own.
        with ThreadPoolExecutor(1) as pool:
            kind = pool.submit(asyncio.run, _kind_at(found)).result()
        if kind != "Scheduler":
            raise ValueError(f"a Dask {kind.lower()} is there")
        dask: Any = distributed
        return dask.Client(found, timeout=_CONNECT_S, set_as_default=False, name="spiceloop")
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}: {_first_line(error)}; start one with "
            "`dask scheduler`, or correct --scheduler (such as tcp://host:8786)"
        ) from error
    finally:
        quiet.end()


def _address_in(text: str) -> str:
    """Return the address that a text is, or that a scheduler file holds. Raises `ValueError`."""
    from distributed.comm.addressing import parse_address, parse_host_port

    if "://" not in text and Path(text).is_file():
        try:
            text = str(json.loads(Path(text).read_text())["address"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                "the file is no scheduler file (dask scheduler --scheduler-file)"
            ) from None
    elif "://" not in text and "/" in text:
        raise ValueError("there is no such scheduler file")
    scheme, rest = parse_address(text)
    if scheme not in {"tcp", "tls"}:
        raise ValueError(f"{scheme}:// is not supported; expected tcp:// or tls://")
    parse_host_port(rest)
    return text


async def _kind_at(address: str) -> str:
    import distributed

    dask: Any = distributed

    async def ask() -> str:
        arguments = dask.Security().get_connection_args("client")
        async with dask.rpc(address, connection_args=arguments) as server:
            return str((await server.identity())["type"])

    try:
        return await asyncio.wait_for(ask(), _CONNECT_S)
    except TimeoutError:
        raise TimeoutError(f"{_why_silent(address)} (waited {_CONNECT_S:.0f} s)") from None


def _why_silent(address: str) -> str:
    from distributed.comm.addressing import parse_address, parse_host_port

    try:
        socket.create_connection(parse_host_port(parse_address(address)[1]), timeout=1.0).close()
    except OSError as error:
        return error.strerror or str(error)
    return "something is there, but no Dask scheduler, or one that expects tls://"


class _Quiet:
    """Keeps Dask's own log, tracebacks included, off the terminal: our errors say it in words."""

    def __init__(self) -> None:
        self._before: dict[logging.Logger, int] = {}

    def begin(self) -> None:
        for name in ("distributed.client", "distributed.comm", "distributed.batched"):
            logger = logging.getLogger(name)
            self._before[logger] = logger.level
            logger.setLevel(logging.CRITICAL)

    def end(self) -> None:
        for logger, level in self._before.items():
            logger.setLevel(level)
        self._before.clear()
