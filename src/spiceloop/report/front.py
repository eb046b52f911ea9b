"""Losses, Pareto set and hypervolume of a study's done trials, computed once for every card."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiceloop.opt.base import Floats
from spiceloop.opt.pareto import losses, pareto_mask, reference_point
from spiceloop.opt.transform import metric_scales
from spiceloop.opt.volume import VolumeTrace, volume_trace
from spiceloop.report.palette import GroupName
from spiceloop.study.trial import Origin, Trial, TrialState

if TYPE_CHECKING:
    from spiceloop.report.view import StudyView

__all__ = ["Front"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Front:
    """The ended trials, rows by trial number; failed ones have NaN losses.

    ``losses`` (n, k) are transformed and to be minimized; ``log`` (k,) says which are logarithms;
    ``pareto`` (n,) marks the feasible trials that no feasible trial dominates.
    """

    trials: tuple[Trial, ...]
    losses: Floats
    log: Mask
    feasible: Mask
    pareto: Mask
    reference: Floats
    chosen: Trial | None
    start: Trial | None

    @classmethod
    def of(cls, view: StudyView) -> Front:
        """Work out the front of a view."""
        task, trials = view.task, view.ended
        names = list(
            dict.fromkeys([g.metric for g in task.goals] + [c.metric for c in task.constraints])
        )
        metrics = np.array(
            [[t.metrics.get(n, np.nan) for n in names] for t in trials], dtype=float
        ).reshape(len(trials), len(names))
        metrics[[t.state is TrialState.FAILED for t in trials]] = np.nan
        found = losses(task, metrics, names)
        feasible = np.array([t.feasible for t in trials], dtype=bool)
        feasible &= np.isfinite(found).all(axis=1)
        if view.reference is not None:
            reference = np.asarray(view.reference, dtype=float)
        else:
            start = next((i for i, t in enumerate(trials) if t.origin is Origin.START), None)
            reference = reference_point(task, metrics, names, start=start)
        scales = metric_scales(task, metrics, names)
        return cls(
            trials=trials,
            losses=found,
            log=np.array([scales[g.metric].log for g in task.goals], dtype=bool),
            feasible=feasible,
            pareto=pareto_mask(np.where(feasible[:, None], found, np.nan)),
            reference=reference,
            chosen=view.chosen,
            start=view.start,
        )

    @cached_property
    def volume(self) -> VolumeTrace:
        """Hypervolume after each ended trial."""
        return volume_trace(np.where(self.feasible[:, None], self.losses, np.nan), self.reference)

    @cached_property
    def pareto_trials(self) -> tuple[Trial, ...]:
        """The feasible trials that no feasible trial dominates."""
        return tuple(t for t, on in zip(self.trials, self.pareto, strict=True) if on)

    @cached_property
    def groups(self) -> dict[GroupName, tuple[Trial, ...]]:
        """Done trials by how they are drawn, each in one group; empty groups are left out."""
        found: dict[GroupName, list[Trial]] = {
            "infeasible": [], "dominated": [], "pareto": [], "start": [], "chosen": [],
        }  # fmt: skip
        for trial, on, row in zip(self.trials, self.pareto, self.losses, strict=True):
            if trial.state is not TrialState.DONE or not np.isfinite(row).all():
                continue
            found[self._group(trial, bool(on))].append(trial)
        return {name: tuple(trials) for name, trials in found.items() if trials}

    def _group(self, trial: Trial, on_front: bool) -> GroupName:
        if self.start is not None and trial.number == self.start.number:
            return "start"
        if self.chosen is not None and trial.number == self.chosen.number:
            return "chosen"
        if not trial.feasible:
            return "infeasible"
        return "pareto" if on_front else "dominated"
