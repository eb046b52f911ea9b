"""One run on disk: what every evaluation gave and what it cost."""

from __future__ import annotations

import gzip
import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from arena.budget import Budget
from arena.problems import ArenaProblem
from spiceloop.opt.base import Floats

__all__ = ["Record", "environment", "read_text", "run_file", "under_way", "write_text"]

_PACKAGES = (
    "spiceloop",
    "botorch",
    "gpytorch",
    "torch",
    "optuna",
    "greenlet",
    "pymoo",
    "moocore",
    "numpy",
)
_DIGITS = 6


@dataclass(frozen=True)
class Record:
    """Rows are evaluations in order.

    ``asked`` is the budget it was started with, ``stopped`` says why it is shorter than that.
    """

    designs: Floats  # (n, d), SI values on the grid
    rows: Floats  # (n, m), NaN where the simulation failed
    thinking_s: Floats  # (n,), asking and telling, wall clock
    thinking_cpu_s: Floats  # (n,), the same in processor seconds: equal on a busy machine
    simulation_s: Floats  # (n,)
    asked: Budget
    stopped: str = ""

    @property
    def ended(self) -> Floats:
        """Seconds of wall clock from the beginning to the end of each evaluation."""
        return np.asarray(np.cumsum(self.thinking_s + self.simulation_s))

    def full(self, budget: Budget) -> bool:
        """Whether the run holds as much as the budget allows."""
        if budget.timed:
            # What passes between evaluations is nobody's, and adds up over many short ones.
            return len(self.rows) > 0 and bool(self.ended[-1] >= 0.95 * budget.seconds)
        return len(self.rows) >= budget.simulations

    def enough_for(self, budget: Budget) -> bool:
        """Whether the run is full, or was stopped on the way to as much or more."""
        stopped = bool(self.stopped) and self.asked.timed == budget.timed
        return self.full(budget) or (stopped and self.asked.simulations >= budget.simulations)

    def within(self, budget: Budget) -> slice:
        """Return the evaluations that a budget allows."""
        if budget.timed:
            return slice(0, int(np.searchsorted(self.ended, budget.seconds, side="right")))
        return slice(0, int(budget.simulations))

    def write(self, file: Path, problem: ArenaProblem, about: dict[str, Any]) -> None:
        """Write atomically, six digits a number."""
        lines = [
            json.dumps([_short(v) for v in (*design, *row, *seconds)])
            for design, row, *seconds in zip(
                self.designs,
                self.rows,
                self.thinking_s,
                self.thinking_cpu_s,
                self.simulation_s,
                strict=True,
            )
        ]
        head = {
            **about,
            "budget": str(self.asked),
            "stopped": self.stopped,
            "environment": environment(),
        }
        head["columns"] = _columns(problem)
        text = json.dumps(head, indent=1)[:-2] + ',\n "evaluations": [\n  '
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        write_text(temporary, text + ",\n  ".join(lines) + "\n ]\n}\n")
        temporary.replace(file)

    @classmethod
    def read(cls, file: Path, problem: ArenaProblem) -> Record:
        """Read a run; raises `ValueError` where the problem has other metrics by now."""
        found = json.loads(read_text(file))
        if found["columns"] != _columns(problem):
            raise ValueError(f"{file}: of an earlier {problem.name}; delete it to run it again")
        d = len(problem.task.space)
        values = np.array(
            [[np.nan if v is None else v for v in row] for row in found["evaluations"]], dtype=float
        ).reshape(-1, len(found["columns"]))
        asked = Budget.parse(found["budget"])
        return cls(values[:, :d], values[:, d:-3], *values[:, -3:].T, asked, found["stopped"])


def run_file(results: Path, problem: str, competitor: str, timed: bool, seed: int) -> Path:
    """Return where a run is kept. Runs of all budgets in simulations are one run, the longest."""
    return results / problem / f"{competitor}{'-timed' if timed else ''}-{seed}.json.gz"


def under_way(file: Path) -> Path:
    """Return where the evaluations so far of a run are that has not ended."""
    return file.with_suffix(".partial")


def read_text(file: Path) -> str:
    """Return what `write_text` wrote."""
    return gzip.decompress(file.read_bytes()).decode()


def write_text(file: Path, text: str) -> None:
    """Compress; the same text gives the same bytes."""
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def _columns(problem: ArenaProblem) -> list[str]:
    seconds = ("thinking_s", "thinking_cpu_s", "simulation_s")
    return [*problem.task.space.names, *problem.metric_names, *seconds]


def environment() -> dict[str, Any]:
    """Return versions, machine and date."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _short(value: float) -> float | None:
    return None if not np.isfinite(value) else float(f"{value:.{_DIGITS}g}")
