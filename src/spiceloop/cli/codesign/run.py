"""``spiceloop codesign run``: train, check by SPICE after every epoch, hear the test clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spiceloop.cli.arguments import JsonOption, NoReportOption, TrustPythonOption
from spiceloop.cli.codesign.arguments import (
    DataOption,
    DeviceOption,
    TensorboardOption,
    ThreadsOption,
    apply_settings,
    find_config,
    load,
    use_device,
)
from spiceloop.cli.gallery import configurations
from spiceloop.errors import InputError

__all__ = ["run"]

_DEMO = "demo"  # the one configuration that makes its own data


def run(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="A configuration file, or a bundled one's name: demo, speech_commands.",
            show_default=False,
        ),
    ],
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run.", show_default="runs/NAME"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Same seed, same numbers.", show_default="the configuration's"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another value of the configuration, such as training.rate=5m; repeatable.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    tensorboard: TensorboardOption = False,
    no_report: NoReportOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> int:
    """Train filters and classifier together; Ctrl-C keeps every finished epoch."""
    from spiceloop.kws.config import load_config

    file = find_config(config)
    wanted = apply_settings(load_config(file, trust_python=trust_python), settings or [], seed)
    if data is None and file != configurations().get(_DEMO):
        raise InputError(
            "give the recordings by --data DIR; `spiceloop data` checks, downloads or makes some, "
            "and `spiceloop codesign demo` needs none"
        )
    use_device(device, threads)

    from spiceloop.cli.codesign.session import Session

    target = out or Path("runs") / wanted.name
    Session.require_new(target)
    if data is None:
        from spiceloop.cli.codesign.demo_data import demo_data

        data = demo_data()
    session = Session(
        wanted, load(wanted, data), target, str(data.resolve()), device, tensorboard=tensorboard
    )
    return session.go(resume=False, report=not no_report, json=json)
