"""How a trial is written in Optuna's terms, and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from spiceloop.opt.base import Floats, History, Timing
from spiceloop.spec.problem import Problem
from spiceloop.study.skipped import estimated
from spiceloop.study.trial import Failure, Origin, Outcome, Plan, Trial, TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial
    from optuna.trial import TrialState as OptunaState

__all__ = [
    "BATCH",
    "Ended",
    "Ending",
    "distributions",
    "ending_again",
    "ending_of",
    "from_frozen",
    "history_of",
    "rebuild",
    "running_frozen",
]

BATCH = "spiceloop:batch"  # system attribute: the rest of a batch, on its first trial


Record = TypeVar("Record")


def rebuild(kind: type[Record], raw: Mapping[str, Any]) -> Record:
    """Make a dataclass of what was written; what a later version wrote besides is left out."""
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in raw.items() if name in known})


def distributions(problem: Problem) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each free parameter.

    Optuna has no grid on a log scale; designs are on the grid already when they get here.
    """
    from optuna.distributions import FloatDistribution

    return {
        # The grid points nearest to the bounds may lie a rounding error outside them.
        v.name: FloatDistribution(
            min(v.lower, v.snap(v.lower)), max(v.upper, v.snap(v.upper)), log=v.log
        )
        for v in problem.space.variables
    }


def running_frozen(
    space: Mapping[str, BaseDistribution],
    trial: Trial,
    system_attrs: Mapping[str, Any] | None = None,
) -> FrozenTrial:
    """Return a trial as it is written when it begins; its number is the storage's to say.

    ``space`` are the problem's `distributions`, the same for all its trials.
    """
    from optuna.trial import TrialState as OptunaState
    from optuna.trial import create_trial

    attrs: dict[str, Any] = {"origin": trial.origin.value, "thinking_s": trial.thinking_s}
    if trial.reason:
        attrs["reason"] = trial.reason
    if trial.plan:
        attrs["plan"] = asdict(trial.plan)
    return create_trial(
        state=OptunaState.RUNNING,
        params=dict(trial.design),
        distributions=dict(space),
        user_attrs=attrs,
        system_attrs=dict(system_attrs or {}),
    )


@dataclass(frozen=True)
class Ended:
    """What an evaluation gave; metrics or a failure alone stand for an `Outcome` without corners.

    ``clock_s`` is what the study's clock showed then.
    """

    number: int
    outcome: Outcome | Mapping[str, float] | Failure
    simulation_s: float
    clock_s: float


@dataclass(frozen=True)
class Ending:
    """What is written when a trial ends: user attributes, constraints (≤ 0 is met), its state."""

    trial: Trial
    attributes: Mapping[str, Any]
    constraints: Sequence[float] | None
    state: OptunaState
    values: Sequence[float] | None  # of the objectives


def ending_of(problem: Problem, trial: Trial, ended: Ended) -> Ending:
    """Return how a running trial ends."""
    from optuna.trial import TrialState as OptunaState

    outcome = ended.outcome
    if isinstance(outcome, Failure):
        outcome = Outcome(failure=outcome)
    elif not isinstance(outcome, Outcome):
        outcome = Outcome(outcome)
    attributes: dict[str, Any] = {"simulation_s": ended.simulation_s, "clock_s": ended.clock_s}
    trial = replace(trial, simulation_s=ended.simulation_s, clock_s=ended.clock_s)
    if trial.plan is not None:
        corners = {c: dict(metrics) for c, metrics in outcome.corners.items()}
        trial = replace(
            trial, corners=corners, simulations=outcome.simulations, saved=outcome.saved
        )
        attributes["simulated"] = {
            "corners": corners,
            "simulations": trial.simulations,
            "saved": trial.saved,
        }
    if outcome.failure is not None:
        attributes["failure"] = asdict(outcome.failure)
        trial = replace(trial, state=TrialState.FAILED, failure=outcome.failure)
        return Ending(trial, attributes, None, OptunaState.FAIL, None)
    metrics = {n: float(outcome.metrics[n]) for n in problem.metrics if n in outcome.metrics}
    violations = problem.violations(metrics)
    attributes |= {"metrics": metrics, "violations": violations}
    trial = replace(trial, state=TrialState.DONE, metrics=metrics, violations=violations)
    constraints = [excess for _, excess in problem.excesses(metrics)]
    values = [metrics[n] for n in problem.objectives]
    return Ending(trial, attributes, constraints, OptunaState.COMPLETE, values)


def ending_again(problem: Problem, trial: Trial) -> Ending:
    """Return how a trial ends that has ended, as it stands."""
    outcome = Outcome(trial.metrics, trial.failure, trial.corners, trial.simulations, trial.saved)
    return ending_of(
        problem, trial, Ended(trial.number, outcome, trial.simulation_s, trial.clock_s)
    )


def from_frozen(frozen: FrozenTrial) -> Trial | None:
    """Read one trial back, or None for one that spiceloop did not write."""
    from optuna.trial import TrialState as OptunaState

    states = {
        OptunaState.RUNNING: TrialState.RUNNING,
        OptunaState.COMPLETE: TrialState.DONE,
        OptunaState.FAIL: TrialState.FAILED,
    }
    attrs = frozen.user_attrs
    if frozen.state not in states or "origin" not in attrs:
        return None
    state = states[frozen.state]
    done = state is TrialState.DONE
    failure = attrs.get("failure") if state is TrialState.FAILED else None
    ended = state is not TrialState.RUNNING
    plan = attrs.get("plan")  # only of a problem with corners, and so is the next
    simulated = attrs.get("simulated", {}) if ended else {}
    return Trial(
        frozen.number,
        state,
        Origin(attrs["origin"]),
        dict(frozen.params),
        dict(attrs["metrics"]) if done else {},
        dict(attrs["violations"]) if done else {},
        rebuild(Failure, failure) if failure else None,
        attrs["simulation_s"] if ended else 0.0,
        attrs["thinking_s"],
        simulated.get("corners", {}),
        simulated.get("simulations", 0),
        simulated.get("saved", 0),
        Plan(tuple(plan["order"]), plan["early_stop"]) if plan else None,
        attrs.get("clock_s", 0.0) if ended else 0.0,
        attrs.get("reason", ""),
    )


def history_of(
    problem: Problem,
    trials: Sequence[Trial],
    waiting: Sequence[dict[str, float]] = (),
    known: dict[int, tuple[Floats, list[float]]] | None = None,
) -> History:
    """Return what an optimizer may know of these trials; ``waiting`` designs count as pending.

    Of a design that failed before every corner was simulated it is told what `estimated` says.

    ``known`` keeps rows by trial number from one call to the next: design, metrics.
    """
    space = problem.space
    known = {} if known is None else known
    names = tuple(problem.metrics)
    finished = [t for t in trials if t.state is not TrialState.RUNNING]
    pending = [t.design for t in trials if t.state is TrialState.RUNNING] + list(waiting)
    guesses = estimated(problem, finished)
    start = [i for i, t in enumerate(finished) if t.origin is Origin.START]

    def row(metrics: Mapping[str, float]) -> list[float]:
        return [metrics.get(n, np.nan) for n in names]

    for t in finished:
        if t.number not in known:
            known[t.number] = space.to_unit(t.design), row(t.metrics)
    rows = [known[t.number] for t in finished]
    metrics = [
        row(guesses[t.number]) if t.number in guesses else m
        for t, (_, m) in zip(finished, rows, strict=True)
    ]
    return History(
        x=np.array([point for point, _ in rows]).reshape(-1, len(space)),
        metrics=np.array(metrics, dtype=float).reshape(-1, len(names)),
        metric_names=names,
        failed=np.array([t.state is TrialState.FAILED for t in finished], dtype=bool),
        pending=np.array([space.to_unit(d) for d in pending]).reshape(-1, len(space)),
        n_asked=sum(t.origin is not Origin.START for t in trials) + len(waiting),
        start=start[0] if start else None,
        timing=Timing(
            np.array([t.simulation_s for t in finished]),
            np.array([t.thinking_s for t in finished]),
            np.array([t.clock_s for t in finished]),
            np.array([t.origin is Origin.MODEL for t in finished], dtype=bool),
        ),
    )
