"""``spiceloop codesign evaluate``: hear the test clips again with trained arms."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from spiceloop.cli.arguments import JsonOption, TrustPythonOption
from spiceloop.cli.codesign.arguments import (
    ArmOption,
    DataOption,
    DeviceOption,
    RunArgument,
    ThreadsOption,
    choose_arm,
    data_of_run,
    use_device,
)
from spiceloop.cli.console import note, print_json, print_table, print_text
from spiceloop.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from spiceloop.report.codesign import ArmView, RunView

__all__ = ["evaluate"]


def evaluate(
    run: RunArgument,
    arm: ArmOption = None,
    data: DataOption = None,
    by_kind: Annotated[
        bool, typer.Option("--by-kind", help="Each kind of unseen noise too, at the lowest SNR.")
    ] = False,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> None:
    """Print accuracy against SNR and the confusion of classes; draw the confusion as PNG."""
    from spiceloop.kws.config import parse_config
    from spiceloop.kws.run_folder import RunFolder

    folder = RunFolder.open(run, trust_python=trust_python)
    config = parse_config(folder.head()["config"])
    names = choose_arm(folder, config, arm)
    use_device(device, threads)

    from spiceloop.bridge.codesign import evaluate_arm, load_system
    from spiceloop.cli.bar import Bar
    from spiceloop.report.codesign import RunView, write_confusion

    view = RunView.read(folder)
    speech = data_of_run(folder, config, data)
    if list(speech.classes) != list(view.classes):
        raise InputError(
            f"these data have the classes {', '.join(speech.classes)}; {run} was trained on "
            f"{', '.join(view.classes)}"
        )
    if speech.fingerprint != view.head["data"]["fingerprint"]:
        note(f"note: these are other data than {run} was trained on")
    heard: list[ArmView] = []
    with Bar() as bar:
        for known in view.arms:
            if known.name not in names:
                continue
            _, system = load_system(folder, known.name)
            found = evaluate_arm(
                config,
                system.to(device),
                speech,
                by_kind=by_kind,
                progress=partial(bar, known.name),
            )
            heard.append(replace(known, heard=found))
    view = replace(view, arms=tuple(heard))
    pictures = [write_confusion(view, a) for a in heard]
    if json:
        print_json({"run": run, "arms": _document(view), "pictures": pictures})
        return
    _tell(view, pictures)


def _document(view: RunView) -> dict[str, object]:
    from spiceloop.cli.codesign.outcome import against

    return {
        a.name: {
            **{k: v for k, v in a.heard.items() if k != "wrong"},
            "against": against(view, a),
        }
        for a in view.arms
    }


def _tell(view: RunView, pictures: list[Path]) -> None:
    from spiceloop.cli.codesign.outcome import accuracy_table

    print_table(accuracy_table(view, list(view.arms), tuple(view.arms[0].accuracy)))
    for a, picture in zip(view.arms, pictures, strict=True):
        print_text(f"\n{a.name}, clean: true class down, heard as across (all: {picture})")
        print_table(_confusion(view, a))


def _confusion(view: RunView, arm: ArmView) -> Table:
    from rich.table import Table

    table = Table("", *view.classes, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in zip(view.classes, arm.heard["confusion"]["clean"], strict=True):
        table.add_row(name, *(str(n) if n else "·" for n in row))
    return table
