"""A small problem, and a simulator that computes it and whose failures can be forced."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.errors import SimulationError
from spiceloop.sim.base import SimResult
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem

DATA = Path(__file__).parents[2] / "data" / "rc_study"


class ForcedSimulator:
    """Closed-form RC low-pass; ``force`` may raise, wait, or change the measures of a run."""

    name = "forced"

    def __init__(self, force: Callable[[int, dict[str, float]], None] | None = None) -> None:
        self.force = force
        self.runs = 0
        self.closed = False

    def version(self) -> str:
        return "forced-1"

    def run(
        self,
        deck: Deck,
        *,
        measures: Sequence[str] = (),
        vectors: Sequence[str] | None = None,
        timeout: float = 60.0,
    ) -> SimResult:
        began = time.perf_counter()
        self.runs += 1
        r, c = (float(re.search(rf"\.param {n} = (\S+)", deck.text)[1]) for n in "rc")
        found = {
            "f3db": 1 / (2 * math.pi * r * c),
            "ipeak": 1 / r,
            "rise": math.log(9.0) * r * c,
        }
        if self.force:
            self.force(self.runs, found)
        return SimResult(found, seconds=time.perf_counter() - began)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the problem's folder that a test may edit."""
    return Path(shutil.copytree(DATA, tmp_path / "problem"))


@pytest.fixture
def problem(folder: Path) -> Problem:
    return load_problem(folder / "problem.yaml")


@pytest.fixture
def bench(problem: Problem) -> Bench:
    return Bench.load(problem)


@pytest.fixture
def forced() -> type[ForcedSimulator]:
    return ForcedSimulator


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def failing() -> Callable[[SimulationError], ForcedSimulator]:
    """Make a simulator whose every run raises."""

    def make(error: SimulationError) -> ForcedSimulator:
        def force(run: int, found: dict[str, float]) -> None:
            raise error

        return ForcedSimulator(force)

    return make
