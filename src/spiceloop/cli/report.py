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
    TrustPythonOption,
    WhereArgument,
)
from spiceloop.cli.console import print_json, print_text
from spiceloop.cli.opened import open_run

__all__ = ["report"]


def report(
    where: WhereArgument = None,
    study: StudyOption = None,
    name: NameOption = "",
    out: OutOption = None,
    problem: ProblemOption = None,
    trial: TrialOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> None:
    """Write the report of a study: one HTML file and its figures."""
    opened = open_run(
        where,
        study,
        name=name,
        problem=problem,
        trust_deck=trust_deck,
        trust_python=trust_python,
        out=out,
    )
    page = opened.report(trial=trial)
    if json:
        from spiceloop.report.html import EXPLANATIONS

        print_json(
            {
                "report": page,
                "explanations": page.with_name(EXPLANATIONS),
                "study": opened.study.url,
                "trials": len(opened.trials),
            }
        )
    else:
        print_text(str(page))
