"""``spiceloop resume``: go on with a study that was interrupted, killed, or shall get longer."""

from __future__ import annotations

from typing import Annotated

import typer

from spiceloop.cli.arguments import (
    BudgetOption,
    JsonOption,
    NameOption,
    NoReportOption,
    OutOption,
    ProblemOption,
    SchedulerOption,
    StudyOption,
    TimeoutOption,
    TrustOption,
    TrustPythonOption,
    WhereArgument,
    again_options,
    at_least,
)

__all__ = ["resume"]


def resume(
    where: WhereArgument = None,
    study: StudyOption = None,
    name: NameOption = "",
    out: OutOption = None,
    problem: ProblemOption = None,
    budget: BudgetOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Simulations side by side.",
            show_default="as started, or all threads of the cluster",
        ),
    ] = None,
    scheduler: SchedulerOption = "",
    timeout: TimeoutOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    no_report: NoReportOption = False,
    json: JsonOption = False,
) -> int:
    """Go on with a study; finished trials are kept, none is simulated again.

    What was used before counts towards the budget.
    """
    from spiceloop.study.budget import parse_budget

    limits = parse_budget(budget) if budget else None
    if workers is not None:
        at_least("--workers", workers, 1)

    from spiceloop import api
    from spiceloop.cli.arguments import with_timeout
    from spiceloop.cli.console import note
    from spiceloop.cli.opened import open_run
    from spiceloop.cli.outcome import Outcome
    from spiceloop.cli.progress import Progress
    from spiceloop.cli.scoreboard import Scoreboard

    opened = open_run(
        where,
        study,
        name=name,
        problem=problem,
        trust_deck=trust_deck,
        trust_python=trust_python,
        out=out,
        go_on=True,
    )
    settings = opened.study.settings
    loaded = with_timeout(opened.problem, timeout)
    limits = limits or settings.budget
    board = Scoreboard(loaded, loaded.task(settings.initial), limits)
    for trial in opened.trials:
        board.add(trial)
    if board.used_share >= 1.0:
        note(f"spiceloop: the budget is used up ({board.used_text()}); a larger --budget goes on")
    with Progress(board) as progress:
        result = api.resume(
            opened.study.url,
            problem=loaded,
            name=opened.study.name,
            budget=limits,
            workers=workers,
            scheduler=scheduler,
            out=opened.out,
            on_event=progress.on_event,
            trust_deck=trust_deck,
        )
    again = again_options(timeout, trust_deck, scheduler, trust_python)
    return Outcome(result, board, again, report=not no_report, json=json).tell()
