"""``spiceloop check``: every mistake of a problem and its decks at once, then the start's run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.cli.arguments import (
    JsonOption,
    ProblemArgument,
    SimulatorName,
    SimulatorOption,
    TimeoutOption,
    TrustOption,
    TrustPythonOption,
    find_problem,
    with_timeout,
)
from spiceloop.cli.console import note, print_json, print_table, print_text
from spiceloop.errors import InputError, ProblemError, SimulationError

if TYPE_CHECKING:
    from spiceloop.spec.evaluate import Evaluation
    from spiceloop.spec.lint import Finding
    from spiceloop.spec.problem import Problem

__all__ = ["check"]


def check(
    problem: ProblemArgument,
    simulator: SimulatorOption = SimulatorName.LIBRARY,
    timeout: TimeoutOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> int:
    """Look for mistakes in a problem and its decks, then try the start design.

    Exit code 2 for any mistake, 4 where only the simulation of the start fails.
    """
    from spiceloop.cli.corner_tables import worst_table
    from spiceloop.cli.tables import metric_rows, metric_table

    path = find_problem(problem)
    loaded, findings = _look(path, timeout, trust=trust_deck, trust_python=trust_python)
    wrong = any(f.severity == "error" for f in findings)
    found: Evaluation | None = None
    failure: SimulationError | None = None
    if loaded is not None and not wrong and loaded.start is not None:
        try:
            found = _try_start(loaded, simulator, trust=trust_deck)
        except SimulationError as error:
            failure = error
    runs = _simulations(loaded, trust=trust_deck) if loaded is not None and not wrong else None
    code = InputError.exit_code if wrong else SimulationError.exit_code if failure else 0
    if json:
        rows = metric_rows(loaded, found.metrics) if loaded and found else None
        print_json(
            {
                "problem": path,
                "ok": code == 0,
                "findings": [
                    {"severity": f.severity, "where": f.where, "message": f.message}
                    for f in findings
                ],
                "corners": [
                    {"corner": c.name, "process": c.process, "conditions": dict(c.conditions)}
                    for c in (loaded.corners if loaded else ())
                ],
                "simulations": runs,
                "start": {"metrics": rows, "seconds": found.seconds} if found else None,
                "failure": {"kind": failure.kind, "message": str(failure)} if failure else None,
            }
        )
        return code
    for finding in findings:
        print_text(str(finding))
    several = loaded is not None and len(loaded.corners) > 1
    if loaded is not None and several and not wrong:
        print_text(_corners_text(loaded, runs))
    if loaded is not None and found is not None:
        by_corner = {name: at.metrics for name, at in found.corners.items()}
        table = worst_table(loaded, found.metrics, by_corner) if several else None
        print_table(table or metric_table(loaded, found.metrics))
    if failure is not None:
        print_text(f"error: the start design cannot be simulated: {failure}")
    errors = sum(f.severity == "error" for f in findings) + (failure is not None)
    warnings = len(findings) - errors + (failure is not None)
    note(f"\n{path}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return code


def _look(
    path: Path, timeout: float | None, *, trust: bool, trust_python: bool
) -> tuple[Problem | None, list[Finding]]:
    """The problem, unless its file is wrong, and what is to be said about it and its decks."""
    from spiceloop.spec.lint import Finding, lint
    from spiceloop.spec.load import load_problem

    try:
        loaded = with_timeout(load_problem(path, trust_python=trust_python), timeout)
    except ProblemError as error:
        return None, [Finding("error", m) for m in error.mistakes or (str(error),)]
    return loaded, lint(loaded, trust=trust)


def _simulations(problem: Problem, *, trust: bool) -> int:
    """How many simulations a design takes."""
    from spiceloop.spec.bench import Bench

    bench = Bench.load(problem, trust=trust)
    return len(bench.runs(bench.corners))


def _corners_text(problem: Problem, runs: int | None) -> str:
    skipped = "; fewer for one that fails" if problem.early_stop else ""
    names = "\n".join(f"  {c.name}" for c in problem.corners)
    return (
        f"{len(problem.corners)} corners, {runs} simulations a design{skipped}. "
        f"The first is the typical one:\n{names}\n"
    )


def _try_start(problem: Problem, simulator: SimulatorName, *, trust: bool) -> Evaluation:
    from spiceloop.spec.evaluate import Evaluator

    with Evaluator(problem, simulator.value, trust=trust) as evaluator:
        return evaluator.evaluate(problem.start or {})


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
