"""``spiceloop size``: find better designs of a circuit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spiceloop.cli.arguments import (
    BudgetOption,
    JsonOption,
    NoReportOption,
    ProblemArgument,
    SchedulerOption,
    SimulatorName,
    SimulatorOption,
    TimeoutOption,
    TrustOption,
    TrustPythonOption,
    again_options,
    at_least,
    find_problem,
    hint,
    with_timeout,
)
from spiceloop.errors import InputError

__all__ = ["size"]

_BUDGET = 35


def size(
    problem: ProblemArgument,
    budget: BudgetOption = None,
    initial: Annotated[
        int | None,
        typer.Option(
            help="How many come before the model guides; trials of --learn-from count as such.",
            show_default="10, or the whole budget",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Designs the optimizer proposes at once.")] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Simulations side by side.", show_default="1, or all threads of the cluster"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same designs (with one worker).")] = 0,
    optimizer: Annotated[
        str,
        typer.Option(
            help="How designs are proposed: auto, ehvi, screened, population, sobol, gpsampler, "
            "tpe or nsga2."
        ),
    ] = "auto",
    stop_when_converged: Annotated[
        bool,
        typer.Option(
            "--stop-when-converged",
            help="End when half of the trials have added less than 1 % of hypervolume.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of study and report.", show_default="runs/PROBLEM"
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the study is kept: sqlite:///…, journal:///…, postgresql://…",
            show_default="the file study.db in DIR",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The study's name.", show_default="the problem's")] = "",
    learn_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Begin with the trials of an earlier study of the same circuit: its folder, file "
            "or URL; goals, bounds and ranges may differ.",
            show_default=False,
        ),
    ] = None,
    simulator: SimulatorOption = SimulatorName.LIBRARY,
    scheduler: SchedulerOption = "",
    timeout: TimeoutOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    no_report: NoReportOption = False,
    json: JsonOption = False,
) -> int:
    """Find better designs of a circuit by simulation; Ctrl-C leaves a study to be resumed."""
    from spiceloop.study.budget import initial_trials, parse_budget

    limits = parse_budget(budget or [str(_BUDGET)])
    at_least("--batch", batch, 1)
    if workers is not None:
        at_least("--workers", workers, 1)
    at_least("--seed", seed, 0)
    if initial is None:
        initial = initial_trials(limits)
    at_least("--initial", initial, 1)
    if limits.trials is not None and initial > limits.trials:
        raise InputError(
            f"--initial {initial}: the budget is {limits.trials} trials; expected at most that"
        )
    _check_optimizer(optimizer)

    from spiceloop import api
    from spiceloop.cli.outcome import Outcome
    from spiceloop.cli.progress import Progress
    from spiceloop.cli.scoreboard import Scoreboard
    from spiceloop.spec.load import load_problem

    loaded = with_timeout(load_problem(find_problem(problem), trust_python=trust_python), timeout)
    board = Scoreboard(loaded, loaded.task(initial), limits)
    with Progress(board) as progress:
        result = api.size(
            loaded,
            budget=limits,
            initial=initial,
            batch=batch,
            workers=workers,
            seed=seed,
            optimizer=optimizer,
            simulator=simulator.value,
            scheduler=scheduler,
            out=out,
            study=study,
            name=name,
            learn_from=learn_from,
            on_event=progress.on_event,
            stop_when_converged=stop_when_converged,
            trust_deck=trust_deck,
        )
    again = again_options(timeout, trust_deck, scheduler, trust_python)
    return Outcome(result, board, again, report=not no_report, json=json).tell()


def _check_optimizer(name: str) -> None:
    """Refuse an unknown one before any file is read; making one loads torch."""
    from spiceloop.opt import OPTIMIZERS

    if name not in OPTIMIZERS:
        raise InputError(
            f"--optimizer {name}: unknown{hint(name, OPTIMIZERS)}; "
            f"choose one of {', '.join(OPTIMIZERS)}"
        )
