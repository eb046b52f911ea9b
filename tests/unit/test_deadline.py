"""A call that lasts too long is given up, and, where it is Python, ended."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from spiceloop.spec.deadline import within


def running() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "spiceloop-function"]


def until_ended(seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while running() and time.monotonic() < until:
        time.sleep(0.01)
    return not running()


def test_what_it_returns_and_raises():
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError) as caught:
        within(10, lambda: 1 // 0)
    assert caught.traceback[-1].path.name == "test_deadline.py"
    assert until_ended()


def test_a_loop_without_end_is_ended():
    def endless() -> None:
        while True:
            try:
                time.sleep(0)
            except Exception:
                continue

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.2, endless)
    assert time.monotonic() - began < 5
    assert until_ended()


def test_one_that_sleeps_is_not_waited_for():
    leave = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.2, lambda: leave.wait(60))
    assert running()
    leave.set()
    assert until_ended()


def test_a_result_that_nobody_wants_is_not_waited_for():
    began = time.monotonic()
    leave = threading.Event()
    with pytest.raises(TimeoutError):
        within(60, lambda: leave.wait(60), lambda: time.monotonic() > began + 0.2)
    assert time.monotonic() - began < 10
    leave.set()
    assert until_ended()


def test_an_end_at_the_very_limit_is_one_or_the_other():
    """Whatever the race gives, no thread is hit that goes on to do something else."""
    for i in range(300):
        with contextlib.suppress(TimeoutError):
            assert within(0.001 + i % 7 * 1e-5, lambda: time.sleep(0.001) or "in time") == "in time"
    assert until_ended()
