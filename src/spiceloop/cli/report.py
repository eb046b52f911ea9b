"""``spiceloop report``: write the report of a study, also of one that still runs."""

from __future__ import annotations

from spiceloop.cli.arguments import (
    JsonOption,
    NameOption,
    OutOption,
    ProblemOption,
    StudyOption,
    TrialOption,
    TrustOption,
    WhereArgument,
    find_problem,
    where_is,
)
from spiceloop.cli.console import print_json, print_text

__all__ = ["report"]


def report(
    where: WhereArgument = None,
    study: StudyOption = None,
    name: NameOption = "",
    out: OutOption = None,
    problem: ProblemOption = None,
    trial: TrialOption = None,
    trust_deck: TrustOption = False,
    json: JsonOption = False,
) -> None:
    """Write the report of a study: one HTML file and its figures."""
    place = where_is(where, study)
    from spiceloop import api

    opened = api.open_study(
        place,
        problem=find_problem(problem) if problem else None,
        name=name,
        out=out,
        trust_deck=trust_deck,
    )
    page = opened.report(trial=trial)
    if json:
        print_json({"report": page, "study": opened.study.url, "trials": len(opened.trials)})
    else:
        print_text(str(page))
