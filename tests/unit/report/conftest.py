"""Synthetic studies: any number of objectives and trials, and the ways in which a study is poor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spiceloop.report import StudyView
from spiceloop.spec.problem import Problem
from spiceloop.study.trial import Failure, Origin, Trial, TrialState

UNITS = ("V", "%", "Hz", "W", "V", "dB", "s", "", "A")
SIZES = (0.3, 1.0, 1e8, 5e-4, 3e-4, 60.0, 1e-9, 2.0, 1e-5)


def problem(k: int, *, constraint: bool = True, figures: tuple[str, ...] = ()) -> Problem:
    metrics: dict[str, dict[str, object]] = {
        f"goal{i}": {
            "unit": UNITS[i % 9],
            "goal": "maximize" if i % 2 == 0 else "minimize",
            "description": f"objective number {i}",
        }
        for i in range(k)
    }
    if constraint:
        metrics["margin"] = {"unit": "deg", "minimum": 45.0}
    metrics["shown"] = {"unit": "A"}
    return Problem.model_validate(
        {
            "name": "synthetic",
            "description": "A made-up problem",
            "testbenches": {"tb": {"deck": "tb.spice"}},
            "parameters": {
                "w1": {"minimum": "1u", "maximum": "100u", "start": "4u", "unit": "m",
                       "grid": "5n"},
                "ib": {"minimum": "1u", "maximum": "50u", "start": "10u", "unit": "A"},
                "w2": {"tied_to": "w1", "ratio": 2.0},
            },
            "metrics": metrics,
            "figures": figures,
        }
    )  # fmt: skip


def trials(
    task: Problem, n: int, *, feasible: bool = True, start: bool = True
) -> tuple[Trial, ...]:
    rng = np.random.default_rng(3)
    found = []
    space = task.space
    for number in range(n):
        origin = Origin.START if start and number == 0 else Origin.INITIAL
        if number > n // 3:
            origin = Origin.MODEL
        design = task.start if origin is Origin.START else space.from_unit(rng.random(2))
        assert design is not None
        if number % 7 == 5:
            failure = Failure("timeout", "no answer within 60 s", "doAnalyses: TRAN: …", "tb", "dc")
            found.append(
                Trial(number, TrialState.FAILED, origin, design, failure=failure, simulation_s=60.0)
            )
            continue
        gain = number / n
        metrics = {
            name: float(SIZES[i % 9] * np.exp(rng.normal() / 2 + (gain if i % 2 == 0 else -gain)))
            for i, name in enumerate(task.objectives)
        }
        metrics["shown"] = 1e-3
        if "margin" in task.metrics:
            metrics["margin"] = 60.0 if feasible and number % 5 != 4 else 40.0
        found.append(
            Trial(
                number, TrialState.DONE, origin, design, metrics,
                task.violations(metrics), simulation_s=0.4, thinking_s=0.9,
            )
        )  # fmt: skip
    return tuple(found)


def view(k: int = 5, n: int = 36, *, feasible: bool = True, start: bool = True,
         **more: object) -> StudyView:  # fmt: skip
    task = problem(k)
    made = trials(task, n, feasible=feasible, start=start)
    fits = [t for t in made if t.feasible and t.origin is not Origin.START]
    fields: dict[str, object] = {
        "problem": task,
        "trials": made,
        "task": task.task(),
        "name": "synthetic-study",
        "url": "sqlite:///study.db",
        "seed": 7,
        "optimizer": "ehvi",
        "versions": {"ngspice-lib": "ngspice-39"},
        "chosen": fits[-1] if fits else None,
        "chosen_rule": "the last one",
        "netlists": {"tb": "* title\n.param w1=4u\n.end\n"} if fits else {},
        "command": "spiceloop size problem.yaml",
        "problem_file": "problem.yaml",
    }
    return StudyView(**(fields | more))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make_view() -> Callable[..., StudyView]:
    return view


@pytest.fixture(scope="session")
def five() -> StudyView:
    return view()
