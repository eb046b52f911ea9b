"""What a study was started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spiceloop.opt.base import Budget

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What a study was started with; ``trials`` and ``seconds`` are its `Budget`."""

    seed: int = 0
    optimizer: str = "auto"
    trials: int | None = 35
    seconds: float | None = None
    stop_when_converged: bool = False
    initial: int = 10
    batch: int = 1
    workers: int = 1
    simulator: str = "ngspice-lib"
    problem_file: str = ""  # absolute, so that a study alone is enough to resume
    learned_from: str = ""  # the study that the first trials are of
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> Budget:
        """What the study may use."""
        return Budget(self.trials, self.seconds)
