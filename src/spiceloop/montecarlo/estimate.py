"""The loop: dies in, outcomes on disk, by as many evaluators as there are workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import InputError, ProblemError
from spiceloop.montecarlo.crew import Crew, Die
from spiceloop.montecarlo.log import Log
from spiceloop.montecarlo.outcome import Plan
from spiceloop.montecarlo.summary import Narrowing, Yield
from spiceloop.spec.bench import Bench
from spiceloop.spec.corners import Corner
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem
from spiceloop.study.events import OnEvent
from spiceloop.units import parse_spice

__all__ = ["estimate_yield", "find_corners"]

_LARGEST_SEED = 2**64 - 1  # larger ones make no key of `circuit.pdk.die.normal`

OnProgress = Callable[[int, int], None]  # dies done, dies wanted


def estimate_yield(
    problem: Problem | str | Path,
    design: Mapping[str, float | str] | None = None,
    *,
    samples: int = 200,
    seed: int = 0,
    workers: int | None = None,
    mismatch: bool = True,
    process: bool = True,
    corners: Sequence[str] = (),
    precision: float | None = None,
    simulator: str = "ngspice-lib",
    scheduler: str = "",
    out: str | Path | None = None,
    on_progress: OnProgress = lambda done, wanted: None,
    on_event: OnEvent = lambda event: None,
    trust_deck: bool = False,
    trust_python: bool = False,
    label: str = "",
) -> Yield:
    """Simulate a design on ``samples`` dies and count those that meet every bound.

    ``design`` holds free parameters over the problem's start, numbers in SI or texts such as
    ``4u``. Die ``n`` of a ``seed`` is always the same, for every design and corner. ``corners``
    names those at which each die is simulated, default the typical one. With ``precision``, half
    the width of the interval, the run stops at the first die that makes it so narrow. ``workers``
    dies are simulated side by side: one by default, or with ``scheduler``, the address of a Dask
    cluster, as many as it has threads; ``on_event`` hears of its workers. ``out`` is
    a folder for the results: a run that finds its own there goes on with them. Ctrl-C returns what
    there is, with ``interrupted`` set.

    Raises `InputError` for a number out of range, `ProblemError` for a problem without statistics,
    `DesignError`, `SimulationError` where the design fails without deviations, `ClusterError` for
    the scheduler, `StudyError` and `StorageError` for the folder.
    """
    for what, value, least, most in (
        ("samples", samples, 1, math.inf),
        ("workers", 1 if workers is None else workers, 1, math.inf),
        ("seed", seed, 0, _LARGEST_SEED),
        ("precision", 0.0 if precision is None else precision, 0.0, 0.5),
    ):
        if not least <= value <= most:
            wanted = f"{least} or more" if most == math.inf else f"{least} to {most}"
            raise InputError(f"{what} = {value}: expected {wanted}")
    loaded = (
        problem
        if isinstance(problem, Problem)
        else load_problem(problem, trust_python=trust_python)
    )
    bench = Bench.load(loaded, trust=trust_deck)
    given = {n: parse_spice(v) for n, v in (design or {}).items()}
    full = {**(loaded.start or {}), **given}
    loaded.space.check(full)
    plan = Plan(
        {name: full[name] for name in loaded.space.names},
        find_corners(bench, corners),
        seed,
        mismatch,
        process,
        label,
    )
    _require_statistics(bench, plan)
    with ExitStack() as stack:
        at_once = workers if scheduler else min(workers or 1, samples)
        crew = Crew(bench, plan, simulator, at_once, scheduler, on_event)
        stack.callback(crew.dismiss)
        log = None
        if out is not None:
            log = stack.enter_context(Log(Path(out), plan.parts(bench)))
        with Evaluator(loaded, simulator, bench=bench) as evaluator:
            nominal = {
                corner.name: evaluator.evaluate(plan.design, corners=[corner])
                .corners[corner.name]
                .metrics
                for corner in plan.corners
            }
        outcomes = {n: die for n, die in log.outcomes.items() if n < samples} if log else {}
        narrowing = Narrowing(loaded, precision)
        interrupted = _run(crew, outcomes, samples, narrowing, log, on_progress)
    chosen = sorted(outcomes)[: narrowing.enough]
    return Yield(
        loaded,
        plan,
        {number: outcomes[number] for number in chosen},
        nominal,
        samples,
        stopped=narrowing.enough is not None and narrowing.enough < samples,
        interrupted=interrupted,
    )


def find_corners(bench: Bench, names: Sequence[str]) -> tuple[Corner, ...]:
    """Return corners by name, ``all`` for every one, the typical one for none given.

    Raises `InputError` for an unknown name.
    """
    known = {corner.name: corner for corner in bench.corners}
    if not names:
        return bench.corners[:1]
    if "all" in names and "all" not in known:
        return tuple(bench.corners)
    for name in names:
        if name not in known:
            raise InputError(
                f"no corner {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}, "
                "and all for every one"
            )
    return tuple(known[name] for name in dict.fromkeys(names))


def _require_statistics(bench: Bench, plan: Plan) -> None:
    """Refuse what would give the same die again and again."""
    problem = bench.problem
    if problem.pdk is None:
        raise ProblemError(
            f"problem {problem.name!r} names no pdk, so there are no statistics to sample; "
            "a yield needs a process with models of its own, e.g. pdk: sky130"
        )
    if not plan.varies:
        raise InputError("neither mismatch nor process varies: every die would be the same")
    values = problem.with_tied(dict(plan.design))
    corner = plan.corners[0]
    for bench_name in problem.testbenches:
        first, second = (bench.deck(bench_name, values, corner, plan.sample(n)) for n in (0, 1))
        if first.text != second.text:
            return
    raise ProblemError(
        f"problem {problem.name!r}: no device in its decks has statistics of {plan.varies} in "
        f"pdk {problem.pdk.name}, so every die would be the same"
    )


def _run(
    crew: Crew,
    outcomes: dict[int, Die],
    samples: int,
    narrowing: Narrowing,
    log: Log | None,
    on_progress: OnProgress,
) -> bool:
    """Add the dies that are missing from ``outcomes``; return whether it was interrupted."""
    left = iter([n for n in range(samples) if n not in outcomes])
    on_progress(len(outcomes), samples)
    try:
        while not narrowing.look(outcomes):
            while crew.has_room and (number := next(left, None)) is not None:
                crew.start(number)
            if not crew.busy:
                break
            for die in crew.finished():
                if log is not None:
                    log.write(die)
                outcomes[die[0].number] = die
            on_progress(len(outcomes), samples)
    except KeyboardInterrupt:
        return True
    return False
