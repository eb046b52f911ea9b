"""``spiceloop codesign report``: write the report of a run, also of one that still goes on."""

from __future__ import annotations

from spiceloop.cli.arguments import JsonOption
from spiceloop.cli.codesign.arguments import RunArgument
from spiceloop.cli.console import print_json, print_text

__all__ = ["report"]


def report(run: RunArgument, json: JsonOption = False) -> None:
    """Write the report of a run: one HTML file and its figures."""
    from spiceloop.kws.run_folder import RunFolder
    from spiceloop.report.codesign import write_codesign_report

    page = write_codesign_report(RunFolder.open(run))
    if json:
        print_json({"report": page, "run": run})
    else:
        print_text(str(page))
