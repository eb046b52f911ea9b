"""What runs on a worker of a Dask cluster: one piece of work at a time and thread.

A worker process unpacks a bench once and keeps it, with one `Evaluator` for each of its threads,
until it was not used for a while. A watch ends simulations that nobody waits for any more: those of
a client that is gone or has cancelled them, and all of a worker that is closing.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from spiceloop.errors import SetupError, SpiceloopError
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.parcel import Parcel, missing_libraries, surroundings, unpack

__all__ = ["Answer", "Refusal", "perform"]

_WATCH_S = 0.25  # how often the watch looks
_IDLE_S = 60.0  # a bench that was not used for so long is dropped, its simulators with it
_MUST_AGREE = ("simulator", "pdk ")  # starts of the names in `surroundings`
_SAME = "; install the same and restart the worker"


@dataclass(frozen=True)
class Answer:
    """What the work gave on a worker; ``remarks`` are differences that do not forbid it."""

    worker: str
    result: Any
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """This worker cannot evaluate designs of this bench, and why."""

    worker: str
    reason: str


@dataclass
class _Station:
    """A bench on this worker and its evaluators, idle ones and those at work by task."""

    bench: Bench
    remarks: tuple[str, ...]
    idle: list[Evaluator] = field(default_factory=list)
    at_work: dict[str, Evaluator] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)  # tasks whose evaluator the watch closed
    used: float = 0.0


_stations: dict[str, _Station] = {}
_lock = threading.Lock()
_watching = False


def perform(parcel: Parcel, work: Callable[..., Any], *arguments: Any) -> Answer | Refusal:
    """Call ``work`` with an evaluator of the bench; the task that a client submits."""
    from distributed import get_worker

    worker = get_worker()
    me = f"{worker.address} on {socket.gethostname()}"
    task = str(worker.get_current_task())
    try:
        station, evaluator = _hire(parcel, task, worker)
        try:
            result = work(evaluator, *arguments)
        finally:
            _release(station, task)
    except (SpiceloopError, OSError) as error:
        return Refusal(worker.address, f"worker {me}: {error}")
    return Answer(worker.address, result, tuple(f"{me}: {r}" for r in station.remarks))


def _hire(parcel: Parcel, task: str, worker: Any) -> tuple[_Station, Evaluator]:
    global _watching
    with _lock:
        station = _stations.get(parcel.key)
        if station is None:
            station = _stations[parcel.key] = _open(parcel)
        station.used = time.monotonic()
        evaluator = station.idle.pop() if station.idle else _evaluator(station.bench, parcel)
        station.at_work[task] = evaluator
        if not _watching:
            _watching = True
            watch = threading.Thread(
                target=_watch, args=(worker,), name="spiceloop-watch", daemon=True
            )
            watch.start()
    return station, evaluator


def _release(station: _Station, task: str) -> None:
    with _lock:
        evaluator = station.at_work.pop(task)
        station.used = time.monotonic()
        if task in station.ended:
            station.ended.remove(task)
            evaluator.close()  # it may have started another simulator meanwhile
        else:
            station.idle.append(evaluator)


def _evaluator(bench: Bench, parcel: Parcel) -> Evaluator:
    return Evaluator(bench.problem, parcel.simulator, bench=bench)


def _open(parcel: Parcel) -> _Station:
    """Unpack a bench and make sure that this worker gives the numbers that the client would."""
    ours, theirs = version("spiceloop"), parcel.versions["spiceloop"]
    if ours != theirs:  # what it sent may not even be readable
        raise SetupError(_differ("spiceloop", ours, theirs) + _SAME)
    bench = unpack(parcel)
    if missing := missing_libraries(bench):
        raise SetupError(
            f"it does not see {', '.join(missing)}; put that on a file system that all workers "
            "share, or .include it in place of .lib so that it is sent with the deck"
        )
    evaluator = _evaluator(bench, parcel)
    here = surroundings(bench, evaluator.simulator.version())
    differ = {
        name: _differ(name, here.get(name, "missing"), expected)
        for name, expected in parcel.versions.items()
        if here.get(name) != expected
    }
    if refused := [text for name, text in differ.items() if name.startswith(_MUST_AGREE)]:
        evaluator.close()
        raise SetupError("; ".join(refused) + _SAME)
    return _Station(bench, tuple(differ.values()), [evaluator])


def _differ(name: str, here: str, there: str) -> str:
    return f"{name} is {here} on this worker and {there} where the study runs"


def _watch(worker: Any) -> None:
    """End what nobody waits for; the thread ends with the last bench."""
    global _watching
    while True:
        time.sleep(_WATCH_S)
        with _lock:
            closing = worker.status.name not in {"running", "paused", "init"}
            now = time.monotonic()
            for key, station in list(_stations.items()):
                for task, evaluator in station.at_work.items():
                    if closing or not _is_wanted(worker, task):
                        station.ended.add(task)
                        evaluator.close()
                if closing or (not station.at_work and now - station.used > _IDLE_S):
                    for evaluator in station.idle:
                        evaluator.close()
                    del _stations[key]
            if not _stations:
                _watching = False
                return


def _is_wanted(worker: Any, task: str) -> bool:
    state = worker.state.tasks.get(task)
    return state is not None and state.state == "executing"
