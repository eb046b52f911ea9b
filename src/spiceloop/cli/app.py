"""The ``spiceloop`` command. Each command's own file imports its backend only when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from spiceloop.cli.arguments import require_text
from spiceloop.cli.boundary import guarded
from spiceloop.cli.check import check
from spiceloop.cli.codesign import app as codesign_app
from spiceloop.cli.console import print_text
from spiceloop.cli.data import app as data_app
from spiceloop.cli.doctor import doctor
from spiceloop.cli.examples import app as examples_app
from spiceloop.cli.export import export
from spiceloop.cli.init import init
from spiceloop.cli.report import report
from spiceloop.cli.resume import resume
from spiceloop.cli.simulate import simulate
from spiceloop.cli.size import size
from spiceloop.cli.streams import prepare
from spiceloop.cli.yields import yield_

__all__ = ["app", "main"]

app = typer.Typer(
    name="spiceloop",
    help="Size analog circuits by multi-objective Bayesian optimization straight on ngspice.",
    epilog="Start with: spiceloop doctor, spiceloop examples, spiceloop size rc_filter",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print_text(f"spiceloop {version('spiceloop')}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Show an error's traceback; anywhere on the line, or SPICELOOP_DEBUG=1.",
        ),
    ] = False,
) -> None:
    """Size analog circuits by multi-objective Bayesian optimization straight on ngspice."""
    if context.invoked_subcommand is None:
        print_text(context.get_help())


for _command in (size, resume, simulate, yield_, check, init, report, export, doctor):
    app.command(_command.__name__.rstrip("_"))(_command)
app.add_typer(examples_app, name="examples")
app.add_typer(codesign_app, name="codesign")
app.add_typer(data_app, name="data")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the process's own) and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = os.environ.get("SPICELOOP_DEBUG", "") not in ("", "0") or "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    prepare()
    command = typer.main.get_command(app)

    def run() -> object:
        require_text(arguments)
        return command.main(arguments, prog_name="spiceloop", standalone_mode=False)

    return guarded(
        run,
        json="--json" in arguments,
        debug=debug,
    )
