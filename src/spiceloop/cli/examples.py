"""``spiceloop examples``: list the built-in examples, copy one to start from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from spiceloop.cli.arguments import JsonOption, hint
from spiceloop.cli.console import note, print_json, print_text
from spiceloop.cli.gallery import KEYWORD_SPOTTING, configurations, examples
from spiceloop.errors import InputError

__all__ = ["app"]

app = typer.Typer(help="List the built-in examples, or copy one to start from.")


@app.callback(invoke_without_command=True)
def list_examples(context: typer.Context, json: JsonOption = False) -> None:
    """List the built-in examples, or copy one to start from."""
    if context.invoked_subcommand is not None:
        return
    known = examples()
    if json:
        print_json(
            [
                {
                    "name": e.name,
                    "description": e.description,
                    "needs_pdk": e.needs_pdk,
                    "problem": e.problem_file,
                }
                for e in known.values()
            ]
        )
        return
    width = max(map(len, known), default=0)
    for example in known.values():
        needs = " (needs SKY130)" if example.needs_pdk else ""
        print_text(f"{example.name:<{width}}  {example.description}{needs}")
    note(
        "\nTry one:  spiceloop size NAME      Start from one:  spiceloop examples copy NAME DIR\n"
        f"Co-design ({KEYWORD_SPOTTING}):  spiceloop codesign {' or '.join(configurations())}"
    )


@app.command("copy")
def copy(
    name: Annotated[str, typer.Argument(help="The example's name.", show_default=False)],
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="Where to; default: a folder of its name.", show_default=False
        ),
    ] = None,
) -> None:
    """Copy an example's files into a new folder."""
    known = {name: example.problem_file for name, example in examples().items()}
    known[KEYWORD_SPOTTING] = configurations()["demo"]
    if name not in known:
        raise InputError(f"no example {name!r}{hint(name, known)}; examples: {', '.join(known)}")
    target = directory or Path(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} exists already; give a folder that is new or empty")
    shutil.copytree(
        known[name].parent,
        target,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", "__init__.py"),
    )
    copied = target / known[name].name
    print_text(str(copied))
    following = "codesign" if name == KEYWORD_SPOTTING else "check"
    note(f"copied; next: spiceloop {following} {copied}")
