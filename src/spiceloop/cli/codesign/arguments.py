"""Arguments and options of the co-design commands, and how their values are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spiceloop.cli.arguments import at_least, hint
from spiceloop.cli.gallery import configurations
from spiceloop.errors import InputError

if TYPE_CHECKING:
    from spiceloop.kws.clips import SpeechData
    from spiceloop.kws.config import Config
    from spiceloop.kws.run_folder import RunFolder

__all__ = [
    "ArmOption",
    "DataOption",
    "DeviceOption",
    "RunArgument",
    "TensorboardOption",
    "ThreadsOption",
    "apply_settings",
    "choose_arm",
    "data_of_run",
    "find_config",
    "load",
    "use_device",
]

RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The folder of the recordings (see `spiceloop data`).",
        show_default=False,
    ),
]
ArmOption = Annotated[
    str | None,
    typer.Option("--arm", metavar="NAME", help="This arm alone.", show_default="all of them"),
]
DeviceOption = Annotated[str, typer.Option("--device", help="Where to train: cpu or cuda.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Threads to train on.", show_default="all cores"),
]
TensorboardOption = Annotated[
    bool,
    typer.Option("--tensorboard", help="Also write scalars for TensorBoard into OUT/tensorboard."),
]


def find_config(text: str) -> Path:
    """Return the configuration that ``text`` names: a file, or a bundled one (the file wins).

    Raises `InputError` where there is none.
    """
    path = Path(text)
    if path.is_file():
        return path
    if path.is_dir():
        raise InputError(f"{text} is a folder; name the configuration file in it")
    known = configurations()
    if text in known:
        return known[text]
    if "/" in text or path.suffix in {".yaml", ".yml"}:
        raise InputError(f"no configuration {text!r} (looked in {Path.cwd()})")
    raise InputError(
        f"{text!r} is neither a file nor a bundled configuration{hint(text, known)}; "
        f"bundled: {', '.join(known)}"
    )


def apply_settings(config: Config, settings: Sequence[str], seed: int | None) -> Config:
    """Return the configuration with ``key.key=value`` texts and the seed put in.

    Raises `InputError` for a text of another form, `ConfigError` for a key or value that is wrong.
    """
    if not settings and seed is None:
        return config
    from spiceloop.kws.config import parse_config

    data = config.as_json()
    mistakes = []
    for text in settings:
        key, equals, value = text.partition("=")
        path = [part.strip() for part in key.split(".")]
        if not (equals and value.strip() and all(path)):
            mistakes.append(f"--set {text}: expected KEY=VALUE, such as --set training.rate=5m")
            continue
        place = data
        for part in path[:-1]:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[path[-1]] = _value(value.strip())
    if mistakes:
        raise InputError("\n  ".join(mistakes))
    if seed is not None:
        at_least("--seed", seed, 0)
        data["seed"] = seed
    return parse_config(data)


def _value(text: str) -> Any:
    """Read a value: ``[a, b]`` is a list, none and null are nothing, the rest pydantic reads."""
    if text.startswith("[") and text.endswith("]"):
        return [_value(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    if text in ("none", "null"):
        return None
    return {"true": True, "false": False}.get(text, text)


def use_device(device: str, threads: int | None) -> None:
    """Check the device and set the number of threads. Raises `InputError`, `SetupError`."""
    if device != "cpu" and device.partition(":")[0] != "cuda":
        raise InputError(f"--device {device}: expected cpu or cuda")
    if threads is not None:
        at_least("--threads", threads, 1)
    import torch

    from spiceloop.bridge.codesign import require_device

    require_device(device)
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))


def load(config: Config, folder: Path) -> SpeechData:
    """Decode the recordings that a configuration asks for, with a bar, and tell the warnings."""
    from spiceloop.cli.bar import Bar
    from spiceloop.cli.console import note
    from spiceloop.kws.load import load_data

    with Bar() as bar:
        data = load_data(
            folder,
            words=config.data.words,
            split_column=config.data.split_column,
            resample=config.data.resample,
            progress=partial(bar, "decoding"),
        )
    for warning in data.warnings:
        note(f"warning: {warning}")
    return data


def data_of_run(folder: RunFolder, config: Config, named: Path | None) -> SpeechData:
    """Load the data of a run: ``named``, or where they were when it began. Raises `InputError`."""
    source = folder.head()["data"]["source"]
    where = named or (Path(source) if source else None)
    if where is None:
        raise InputError(f"{folder.path} does not say where its data are; give --data DIR")
    if named is None and not where.is_dir():
        raise InputError(f"the data of {folder.path} were in {where}, no longer there; give --data")
    return load(config, where)


def choose_arm(folder: RunFolder, config: Config, arm: str | None) -> list[str]:
    """Return the trained arms that are meant. Raises `InputError` where there is none."""
    trained = [name for name in config.arms if folder.has(f"{name}.bank.json")]
    if arm is None:
        if not trained:
            raise InputError(
                f"no arm of {folder.path} is trained to its end; go on with "
                f"`spiceloop codesign resume {folder.path}`"
            )
        return trained
    if arm not in config.arms:
        raise InputError(
            f"{folder.path} has no arm {arm!r}{hint(arm, config.arms)}; "
            f"arms: {', '.join(config.arms)}"
        )
    if arm not in trained:
        raise InputError(
            f"arm {arm!r} of {folder.path} is not trained to its end yet; go on with "
            f"`spiceloop codesign resume {folder.path}`"
        )
    return [arm]
