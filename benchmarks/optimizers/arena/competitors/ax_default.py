"""Ax's default strategy, asked and told through `arena.ax_server` in an environment of its own.

``SPICELOOP_AX_PYTHON`` names its interpreter (``python -m venv DIR; DIR/bin/pip install
ax-platform``). Ax pins its own versions of BoTorch and others, so it does not live in ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from arena.competitors.base import Competitor
from arena.problems import ArenaProblem
from spiceloop.opt.base import Floats

__all__ = ["AxDefault", "ax_python"]

_SERVER = Path(__file__).parents[1] / "ax_server.py"


def ax_python() -> str:
    """Return the interpreter that has Ax. Raises `RuntimeError` where none is named."""
    found = os.environ.get("SPICELOOP_AX_PYTHON")
    if not found or not Path(found).exists():
        raise RuntimeError(
            f"SPICELOOP_AX_PYTHON = {found!r}: name a Python interpreter that has ax-platform "
            "(python -m venv DIR; DIR/bin/pip install ax-platform)"
        )
    return found


class AxDefault(Competitor):
    """One Ax client in a process of its own, one line of JSON a message."""

    def __init__(self, problem: ArenaProblem, seed: int) -> None:
        self.problem, self.cpu = problem, 0.0
        self.process = subprocess.Popen(
            [ax_python(), str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        one = np.zeros((1, len(problem.metric_names)))
        self._send(
            {
                "names": list(problem.task.space.names),
                "objectives": len(problem.task.goals),
                "bounds": problem.violations(one).shape[1],
                "seed": seed,
            }
        )

    def ask(self) -> Floats:
        """See `Competitor`."""
        return np.array(self._send({"do": "ask"}))

    def tell(self, x: Floats, row: Floats) -> None:
        """See `Competitor`."""
        if not np.isfinite(row).all():
            self._send({"do": "fail"})
            return
        losses, violations = (
            self.problem.losses(row[None])[0],
            self.problem.violations(row[None])[0],
        )
        self._send({"do": "tell", "losses": list(losses), "violations": list(violations)})

    def close(self) -> None:
        """See `Competitor`."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=30)

    def cpu_seconds(self) -> float:
        """See `Competitor`; Ax's process tells with every answer."""
        return self.cpu

    def _send(self, message: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"Ax ended with status {self.process.wait()}")
        value, self.cpu = json.loads(answer)
        return value
