"""Opening the study that a command line names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.cli.arguments import find_problem, where_is
from spiceloop.cli.console import note

if TYPE_CHECKING:
    from spiceloop.api import Result

__all__ = ["open_run"]


def open_run(
    where: str | None,
    study: str | None,
    *,
    name: str,
    problem: str | None,
    trust_deck: bool,
    trust_python: bool,
    out: Path | None = None,
    go_on: bool = False,
) -> Result:
    """Open a study for looking at it, and say on standard error what has changed since it ran.

    To ``go_on`` with it, nothing may have changed: whoever resumes it says what has. Raises
    `InputError` unless exactly one of ``where`` and ``study`` is given, `StudyError`.
    """
    place = where_is(where, study)
    from spiceloop import api

    opened = api.open_study(
        place,
        problem=find_problem(problem) if problem else None,
        name=name,
        out=out,
        trust_deck=trust_deck,
        trust_python=trust_python,
    )
    for change in () if go_on else opened.study.changes:
        note(f"spiceloop: since these trials were simulated: {change}")
    return opened
