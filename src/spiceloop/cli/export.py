"""``spiceloop export``: a study's trials as tables, a trial's sized netlists as decks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spiceloop.cli.arguments import (
    JsonOption,
    NameOption,
    ProblemOption,
    StudyOption,
    TrialOption,
    TrustOption,
    TrustPythonOption,
    WhereArgument,
)
from spiceloop.cli.console import print_json, print_text
from spiceloop.cli.opened import open_run
from spiceloop.errors import InputError

__all__ = ["export"]


def export(
    where: WhereArgument = None,
    study: StudyOption = None,
    name: NameOption = "",
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all trials to this Parquet file.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all trials to this CSV file.")
    ] = None,
    netlist: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a trial's sized netlists into this folder."),
    ] = None,
    trial: TrialOption = None,
    problem: ProblemOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> None:
    """Write a study's trials (SI numbers, one row a trial) and sized netlists."""
    if parquet is None and csv is None and netlist is None:
        raise InputError("nothing to export: give --parquet FILE, --csv FILE or --netlist DIR")
    if trial is not None and netlist is None:
        raise InputError("--trial chooses what --netlist writes; give --netlist DIR too")

    from spiceloop.study.export import write_csv, write_parquet

    opened = open_run(
        where,
        study,
        name=name,
        problem=problem,
        trust_deck=trust_deck,
        trust_python=trust_python,
    )
    written: list[Path] = []
    if parquet is not None:
        written.append(write_parquet(opened.problem, opened.trials, parquet))
    if csv is not None:
        written.append(write_csv(opened.problem, opened.trials, csv))
    if netlist is not None:
        written += opened.write_netlists(netlist, trial=trial)
    if json:
        print_json({"written": written, "trials": len(opened.trials)})
    else:
        for path in written:
            print_text(str(path))
