"""A trained arm as files for other programs: netlist, tables, weights, ONNX."""

from __future__ import annotations

import csv
import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spiceloop.bridge.codesign import describe_bank, load_system
from spiceloop.bridge.decks import ac_card
from spiceloop.bridge.to_netlist import bank_netlist
from spiceloop.errors import SetupError, StorageError
from spiceloop.kws.config import Config
from spiceloop.kws.run_folder import RunFolder
from spiceloop.kws.system import System

__all__ = ["export_arm", "require_onnx", "write_onnx"]

_OPSET = 18


def export_arm(folder: RunFolder, arm: str, out: Path, *, onnx: bool = True) -> list[Path]:
    """Write a trained arm into ``out``; return the files. README.txt there says what each one is.

    Raises `SetupError` where ``onnx`` is wanted and not installed, `StudyError` for an arm that is
    not trained, `StorageError` where nothing can be written.
    """
    if onnx:
        require_onnx()
    config, system = load_system(folder, arm)
    system.eval()
    head = folder.head()
    bank, excess = system.bank, config.noise.excess if config.noise else 1.0
    told = describe_bank(bank, config)
    elements = bank.elements().detach()
    netlist = bank_netlist(
        bank.cell,
        elements,
        analyses=(ac_card(bank.cell, elements),),
        temperature=bank.law.temperature,
        excess=excess,
    )
    document = {
        "run": config.name,
        "arm": arm,
        **told,
        "law": head["law"],
        "supply": config.bank.supply,
        "capacitor_density": config.bank.capacitor_density,
        "noise_excess": excess,
        "units": {"f0": "Hz", "q": "1", "gain": "1", "noise": "V rms", "power": "W", "area": "m²",
                  "elements": "S, A, F"},
    }  # fmt: skip
    files = [out / name for name in ("bank.sp", "bank.csv", "bank.json", "system.pt")]
    try:
        out.mkdir(parents=True, exist_ok=True)
        files[0].write_text(netlist, encoding="utf-8")
        _write_csv(told, files[1])
        files[2].write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
        torch.save(system.state_dict(), files[3])
        if onnx:
            files.append(write_onnx(config, system, out / "classifier.onnx"))
        files.append(out / "README.txt")
        files[-1].write_text(_readme(config, arm, head, system, onnx=onnx), encoding="utf-8")
    except (OSError, RuntimeError) as error:
        said = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"cannot write the export into {out}: {said or error}") from error
    return files


def require_onnx() -> None:
    """Raise `SetupError` unless what `write_onnx` needs is installed."""
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise SetupError(
            f"ONNX export needs {' and '.join(missing)}: pip install 'spiceloop[onnx]', or leave "
            "ONNX out by --no-onnx"
        )


def write_onnx(config: Config, system: System, file: Path) -> Path:
    """Write the classifier: ``features`` (batch, channels, frames) → ``logits`` (batch, classes).

    The batch may have any size; the frames are those of one clip of a second.
    """
    frames = _frames(system)
    example = torch.zeros(2, system.bank.channels, frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            _Plain(system.classifier).eval(),
            (example,),
            dynamo=True,
            verbose=False,
            input_names=["features"],
            output_names=["logits"],
            dynamic_shapes={"features": {0: torch.export.Dim("batch")}},
            opset_version=_OPSET,
        )
    assert program is not None
    program.save(str(file), external_data=False)
    return file


def _frames(system: System) -> int:
    """Whole hops in a second; what is left of it is not heard."""
    return int(system.bank.sample_rate) // system.front_end.hop


class _Plain(nn.Module):
    """The classifier under an argument name that does not depend on its class."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(features)
        return logits


def _write_csv(told: dict[str, Any], file: Path) -> None:
    columns = {
        "channel": range(1, len(told["f0"]) + 1),
        "f0_Hz": told["f0"],
        "q": told["q"],
        "gain": told["gain"],
        **{f"{k}_{_unit(k)}": v for k, v in told["elements"].items()},
        "noise_Vrms": told["noise"],
        "power_W": told["power"],
        "area_m2": told["area"],
    }
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _unit(element: str) -> str:
    return {"g": "S", "i": "A", "c": "F"}[element[0]]


def _readme(config: Config, arm: str, head: dict[str, Any], system: System, *, onnx: bool) -> str:
    classes = ", ".join(head["data"]["classes"])
    lines = [
        f"Arm {arm} of the co-design run {config.name}, seed {config.seed}",
        "",
        "bank.sp          SPICE netlist of the trained filters: ngspice -b -r bank.raw bank.sp",
        "                 Input: node in. Output of channel k: node outk.",
        "bank.csv         one row a channel: f0, Q, gain, elements, noise, power, area; SI units.",
        "                 gm: transconductances; i: the bias current of each device (one half);",
        "                 c: capacitors between the halves.",
        "bank.json        the same, with what power, area and noise are counted with.",
        "system.pt        PyTorch state_dict of filters, features and classifier;",
        "                 spiceloop.bridge.codesign.load_system makes the module of the run.",
    ]
    if onnx:
        lines += [
            "classifier.onnx  the classifier: features (batch, "
            f"{system.bank.channels}, {_frames(system)}) to logits.",
        ]
    lines += [
        "",
        f"Classes, in the order of the logits: {classes}",
        f"Features: {system.bank.channels} channels, a frame every {config.features.hop:g} s, see "
        "spiceloop.kws.features;",
        f"options: {json.dumps(config.as_json()['features'])}",
    ]
    return "\n".join(lines) + "\n"
