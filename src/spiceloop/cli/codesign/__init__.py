"""``spiceloop codesign``: train a bank of analog filters together with a keyword spotter."""

from __future__ import annotations

import typer

from spiceloop.cli.codesign.evaluate import evaluate
from spiceloop.cli.codesign.export import export
from spiceloop.cli.codesign.group import DefaultCommandGroup
from spiceloop.cli.codesign.report import report
from spiceloop.cli.codesign.resume import resume
from spiceloop.cli.codesign.run import run
from spiceloop.cli.console import print_text

__all__ = ["app"]

app = typer.Typer(
    cls=DefaultCommandGroup,
    help="Train an analog filter bank together with a keyword spotter, SPICE in the loop.",
    epilog="spiceloop codesign CONFIG.yaml --data DIR is short for codesign run …; "
    "spiceloop codesign demo needs no data.",
)


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """Train an analog filter bank together with a keyword spotter, SPICE in the loop."""
    if context.invoked_subcommand is None:
        print_text(context.get_help())


for _command in (run, resume, evaluate, export, report):
    app.command(_command.__name__)(_command)
