"""Pieces of work for an evaluator process, which imports them by this module's name."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from spiceloop.spec.evaluate import Evaluator


class OwnError(Exception):
    """Can be pickled and not be read again: what it calls its arguments is not what it takes."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"{text} {number}")


def process_ids(evaluator: Evaluator) -> tuple[int, int | None]:
    evaluator.simulator.version()  # starts the simulator's worker
    return os.getpid(), evaluator.simulator.worker_pid


def modules(evaluator: Evaluator) -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}


def give_back(evaluator: Evaluator, value: object) -> object:
    return value


def make_lock(evaluator: Evaluator) -> object:
    return threading.Lock()


def raise_it(evaluator: Evaluator, error: BaseException) -> None:
    raise error


def raise_own(evaluator: Evaluator) -> None:
    raise OwnError(7, "seven")


def leave(evaluator: Evaluator, status: int) -> None:
    os._exit(status)


def signal_self(evaluator: Evaluator, number: int) -> str:
    os.kill(os.getpid(), number)
    return "alive"


def talk(evaluator: Evaluator) -> str:
    print("printed")
    print("an error", file=sys.stderr)
    os.write(1, b"written past Python\n")
    return sys.stdin.read()


def sleep(evaluator: Evaluator, seconds: float) -> None:
    time.sleep(seconds)


def start_something_and_leave(evaluator: Evaluator, note: Path) -> None:
    """A process of the user's stays behind, with all of our descriptors, and then we are gone."""
    other = subprocess.Popen(["sleep", "60"], close_fds=False)
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    note.write_text(f"{other.pid} {child}")
    os._exit(3)
