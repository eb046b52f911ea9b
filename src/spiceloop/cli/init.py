"""``spiceloop init``: a first draft of a problem file from a deck."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spiceloop.cli.arguments import TrustOption
from spiceloop.cli.console import note, print_text
from spiceloop.errors import InputError

__all__ = ["init"]


def init(
    deck: Annotated[
        Path, typer.Argument(help="An ngspice testbench, used as it is.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it; default: standard output."),
    ] = None,
    parameter_file: Annotated[
        str | None,
        typer.Option(
            help="A file that the deck includes and spiceloop is to write, e.g. design_var.inc.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    trust_deck: TrustOption = False,
) -> None:
    """Draft a problem file from a deck's parameters and measures."""
    from spiceloop.spec.draft import draft_problem

    if output is not None and output.exists():
        raise InputError(f"{output} exists already; give another name with -o")
    text = draft_problem(
        deck,
        trust=trust_deck,
        folder=output.parent if output is not None else None,
        parameter_file=parameter_file,
    )
    if output is None:
        print_text(text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8")
    print_text(str(output))
    note(f"drafted; set its bounds and goals, then: spiceloop check {output}")
