"""What a running study tells whoever watches it, always from the thread that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spiceloop.opt.base import Choice
from spiceloop.study.trial import Trial

if TYPE_CHECKING:
    from spiceloop.study.earlier import Earlier

__all__ = [
    "Chosen",
    "ClusterChanged",
    "Event",
    "Learned",
    "OnEvent",
    "Thinking",
    "TrialFinished",
    "TrialStarted",
]


@dataclass(frozen=True)
class Learned:
    """A new study begins with what an earlier one has simulated."""

    earlier: Earlier


@dataclass(frozen=True)
class Thinking:
    """The optimizer was asked for ``n`` designs, with ``n_asked`` before them."""

    n: int
    n_asked: int


@dataclass(frozen=True)
class Chosen:
    """An optimizer with several methods goes over to another one."""

    choice: Choice


@dataclass(frozen=True)
class TrialStarted:
    """A trial is written and its simulation begins; ``again`` for one left by a killed run."""

    trial: Trial
    again: bool = False


@dataclass(frozen=True)
class TrialFinished:
    """A trial is simulated or failed, and is on disk."""

    trial: Trial


@dataclass(frozen=True)
class ClusterChanged:
    """The cluster that evaluates has this many workers and threads now; ``remark`` may say why."""

    workers: int
    threads: int
    remark: str = ""

    @property
    def text(self) -> str:
        """In words, ``cluster: 2 workers, 4 threads``."""
        counts = ((self.workers, "worker"), (self.threads, "thread"))
        size = "cluster: " + ", ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in counts)
        return f"{size}; {self.remark}" if self.remark else size


Event = Learned | Thinking | Chosen | TrialStarted | TrialFinished | ClusterChanged
OnEvent = Callable[[Event], None]
