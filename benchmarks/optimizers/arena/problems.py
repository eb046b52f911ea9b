"""What is optimized: circuits as ordinary spiceloop problems, and closed forms for sanity.

Each folder of ``problems/`` has an ``arena.yaml``: where the problem file is (or which closed
form), and the reference and scale of the hypervolume with the reason for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from arena.analytic import CLOSED_FORMS
from spiceloop.errors import SimulationError
from spiceloop.examples import path
from spiceloop.opt.base import Floats, Goal, Task
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.units import parse_spice

__all__ = ["FOLDER", "ArenaProblem", "names"]

FOLDER = Path(__file__).parents[1] / "problems"
# Quasi-random trials of those competitors that are given them.
N_INITIAL = 10

Evaluate = Callable[[Mapping[str, float]], dict[str, float] | None]


@dataclass(frozen=True)
class ArenaProblem:
    """A task with what hypervolume is measured from.

    ``worst`` and ``best`` hold each objective's value, in its own unit, at the reference point and
    at the end of the scale: a loss is 0 at ``best`` and 1 at ``worst``, on the objective's scale.
    """

    name: str
    task: Task
    worst: Mapping[str, float]
    best: Mapping[str, float]
    source: Path | str  # a problem file, or the name of a closed form

    @classmethod
    def load(cls, name: str) -> ArenaProblem:
        """Read ``problems/NAME``; `FileNotFoundError` where there is none."""
        found = yaml.safe_load((FOLDER / name / "arena.yaml").read_text())
        if "closed_form" in found:
            source: Path | str = found["closed_form"]
            task = CLOSED_FORMS[source].task
        else:
            example = found.get("example")
            source = (path(example) if example else FOLDER / name) / "problem.yaml"
            task = load_problem(source).task(N_INITIAL)
        counted = {
            k: (parse_spice(str(v["worst"])), parse_spice(str(v["best"])))
            for k, v in found["objectives"].items()
        }
        if set(counted) != {g.metric for g in task.goals}:
            raise ValueError(f"{name}/arena.yaml: its objectives are not those of the problem")
        return cls(
            name,
            task,
            {k: worst for k, (worst, _) in counted.items()},
            {k: best for k, (_, best) in counted.items()},
            source,
        )

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Objectives, then what is only constrained."""
        metrics = [g.metric for g in self.task.goals] + [c.metric for c in self.task.constraints]
        return tuple(dict.fromkeys(metrics))

    @contextmanager
    def evaluator(self) -> Iterator[Evaluate]:
        """Give a function from a design to its metrics, None where the simulation fails."""
        if isinstance(self.source, str):
            yield CLOSED_FORMS[self.source].evaluate
            return
        with Evaluator(load_problem(self.source)) as evaluator:

            def evaluate(design: Mapping[str, float]) -> dict[str, float] | None:
                try:
                    return dict(evaluator.evaluate(design).metrics)
                except SimulationError:
                    return None

            yield evaluate

    def row(self, metrics: Mapping[str, float] | None) -> list[float]:
        """Return the metrics in order of `metric_names`, NaN for a failed simulation."""
        return [np.nan if metrics is None else metrics[name] for name in self.metric_names]

    def losses(self, rows: Floats) -> Floats:
        """Return losses (n, k) of rows (n, m): 1 at the reference, less is better."""
        found = []
        for goal in self.task.goals:
            values = rows[:, self.metric_names.index(goal.metric)]
            worst, best = (
                _scaled(goal, self.worst[goal.metric]),
                _scaled(goal, self.best[goal.metric]),
            )
            found.append((_scaled(goal, values) - best) / (worst - best))
        return np.column_stack(found)

    def violations(self, rows: Floats) -> Floats:
        """Return violations (n, c), positive where a bound is broken, one column a bound.

        In units of the bound: its logarithm where the metric's scale is logarithmic, else a share.
        """
        found = [np.zeros((len(rows), 0))]
        for c in self.task.constraints:
            values = rows[:, self.metric_names.index(c.metric)]
            for bound, sign in ((c.minimum, 1.0), (c.maximum, -1.0)):
                if bound is None:
                    continue
                if c.scale == "log":
                    excess = sign * (np.log(bound) - np.log(np.maximum(values, 1e-3 * bound)))
                else:
                    excess = sign * (bound - values) / (abs(bound) or 1.0)
                found.append(np.where(np.isnan(values), np.nan, excess)[:, None])
        return np.hstack(found)

    def feasible(self, rows: Floats) -> np.ndarray:
        """Return which rows finished and break no bound."""
        return np.asarray(
            np.isfinite(rows).all(axis=1) & (self.violations(rows) <= 0).all(axis=1), dtype=bool
        )


def _scaled(goal: Goal, values: float | Floats) -> Floats:
    if goal.scale != "log":
        return np.asarray(values, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.log(np.maximum(np.asarray(values, dtype=float), 1e-300))


def names() -> list[str]:
    """Return the names of all problems."""
    return sorted(f.parent.name for f in FOLDER.glob("*/arena.yaml"))
