"""``spiceloop codesign export``: a trained arm as netlist, tables, weights and ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spiceloop.cli.arguments import JsonOption, TrustPythonOption
from spiceloop.cli.codesign.arguments import RunArgument, choose_arm
from spiceloop.cli.console import print_json, print_text

__all__ = ["export"]


def export(
    run: RunArgument,
    arm: Annotated[str, typer.Option("--arm", metavar="NAME", help="Which arm.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to.")],
    no_onnx: Annotated[bool, typer.Option("--no-onnx", help="Leave the ONNX file out.")] = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> None:
    """Write a trained arm: SPICE netlist, CSV and JSON of the bank, state_dict, ONNX."""
    from spiceloop.kws.config import parse_config
    from spiceloop.kws.run_folder import RunFolder

    folder = RunFolder.open(run, trust_python=trust_python)
    (name,) = choose_arm(folder, parse_config(folder.head()["config"]), arm)

    from spiceloop.bridge.export import export_arm

    written = export_arm(folder, name, out, onnx=not no_onnx)
    if json:
        print_json({"run": run, "arm": name, "written": written})
    else:
        for path in written:
            print_text(str(path))
