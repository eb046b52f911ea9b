"""A co-design run: SPICE characterises, the network trains, SPICE checks after every epoch.

The phases: characterise the device (gm law) and the starting bank; train the classifier with the
filters fixed; from that point train every arm on; hear the test clips with each.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from spiceloop.bridge.characterise import characterise
from spiceloop.bridge.validate import SpiceCheck
from spiceloop.errors import SetupError, StudyError
from spiceloop.filterbank import Ekv, FilterBank, GmLaw, WeakInversion
from spiceloop.kws.clips import SpeechData
from spiceloop.kws.config import BankSection, Config, parse_config
from spiceloop.kws.evaluate import Heard, accuracy, conditions, evaluate
from spiceloop.kws.run_folder import RunFolder
from spiceloop.kws.system import System, build_system, make_costs
from spiceloop.kws.train import COMMON, EpochRecord, Trainer

__all__ = [
    "Events",
    "Silent",
    "describe_bank",
    "evaluate_arm",
    "law_from",
    "load_system",
    "require_device",
    "run_codesign",
]


class Events(Protocol):
    """What a run tells while it goes on; `Silent` tells nothing."""

    def started(self, config: Config, law: GmLaw, start: Mapping[str, Any]) -> None:
        """The device and the starting bank are characterised."""
        ...

    def step(self, arm: str, epoch: int, step: int, steps: int, loss: float) -> None:
        """A training step is done."""
        ...

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is done and kept."""
        ...

    def heard(self, arm: str, done: int, wanted: int) -> None:
        """Test conditions are done."""
        ...


class Silent:
    """No events."""

    def started(self, config: Config, law: GmLaw, start: Mapping[str, Any]) -> None:
        """Ignore it."""

    def step(self, arm: str, epoch: int, step: int, steps: int, loss: float) -> None:
        """Ignore it."""

    def epoch(self, record: EpochRecord) -> None:
        """Ignore it."""

    def heard(self, arm: str, done: int, wanted: int) -> None:
        """Ignore it."""


@dataclass
class _Run:
    config: Config
    data: SpeechData
    folder: RunFolder
    law: GmLaw
    device: str
    events: Events


def run_codesign(
    config: Config,
    data: SpeechData,
    out: str | Path,
    *,
    source: str = "",
    device: str = "cpu",
    events: Events | None = None,
    resume: bool = False,
    common: RunFolder | None = None,
) -> RunFolder:
    """Train all arms of ``config`` on ``data`` and hear the test clips; everything goes to ``out``.

    With ``resume`` the run in ``out``, whose own ``config`` and ``data`` these must be, goes on
    from its last finished epoch; the numbers are those of an uninterrupted run. ``source`` notes
    where the data lie. ``common`` is another run that differs in arms or thermal noise: its common
    phase is taken over. Raises `TrainingError` for a loss that is no number or a bank that SPICE
    contradicts, `StudyError`, `SetupError`, `DataError`, `ConfigError`.
    """
    require_device(device)
    # What runs is the classifier that ``config`` names, whoever gave that.
    folder = RunFolder.open(out, trust_python=True) if resume else RunFolder(out)
    told: dict[str, Any] = {}
    if resume:
        law = law_from(folder.head()["law"])
        _require_same(folder, config, data)
    else:
        law, told = _law(config.bank)
    run = _Run(config, data, folder, law, device, events or Silent())
    trainer = _trainer(run)  # before the folder: what cannot be built leaves none
    if not resume:
        head = _head(config, data, source, law, told)
        if common is not None:
            _require_same_common(head, common)
        RunFolder.create(out, head)
        if common is not None:
            folder.take_common(common)
    with SpiceCheck(config.spice.simulator) as spice:
        start = spice(trainer.system.bank).require(config.spice.tolerance).as_dict()
        folder.write_json("start.json", start)
        run.events.started(config, law, start)

        def inspect(system: System, arm: str, epoch: int) -> Mapping[str, Any]:
            if epoch % config.spice.every and epoch != config.epochs:
                return {}
            return spice(system.bank).require(config.spice.tolerance).as_dict()

        shared = _common(run, trainer, inspect)
        for arm in config.arms:
            _arm(run, arm, shared, inspect)
    return folder


def load_system(folder: RunFolder, arm: str) -> tuple[Config, System]:
    """Return a trained system. Raises `StudyError` for an arm that has not been trained."""
    head = folder.head()
    config = parse_config(head["config"])
    state = folder.last_state(arm)
    if state is None:
        there = ", ".join(folder.arms()) or "none yet"
        raise StudyError(f"{folder.path} has no trained arm {arm!r}; there are: {there}")
    law = law_from(head["law"])
    system = build_system(config, law, len(head["data"]["classes"]), head["data"]["sample_rate"])
    system.load_state_dict(state["system"])
    return config, system


def evaluate_arm(
    config: Config,
    system: System,
    data: SpeechData,
    *,
    by_kind: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Hear the test clips in every condition: what ``evaluation.json`` holds of an arm.

    ``wrong`` lists the numbers of the test clips that were taken for something else, for paired
    comparisons of arms.
    """
    asked = config.evaluation
    kinds = asked.by_kind if by_kind is None else by_kind
    wanted = conditions(data, asked.snr, by_kind=kinds)
    heard = evaluate(system, data, wanted, progress=progress)
    return {
        "accuracy": accuracy(heard),
        "confusion": {
            _label(h): h.confusion(len(data.classes)).tolist()
            for h in heard
            if ":" not in h.condition.noise
        },
        "wrong": {_label(h): np.flatnonzero(h.predicted != h.label).tolist() for h in heard},
        "clips": len(data.test),
    }


def _trainer(run: _Run) -> Trainer:
    classes, rate = len(run.data.classes), float(run.data.sample_rate)
    system = build_system(run.config, run.law, classes, rate).to(run.device)
    return Trainer(run.config, run.data, system)


def _common(
    run: _Run, trainer: Trainer, inspect: Callable[[System, str, int], Mapping[str, Any]]
) -> dict[str, Any]:
    """Train the common phase, or what is left of it; return the state that the arms start from."""
    state = run.folder.last_state(COMMON)
    if state is not None:
        trainer.load_state(state)
    else:
        trainer.calibrate()
    _epochs(run, trainer, run.config.training.classifier_epochs, inspect)
    return trainer.state()


def _arm(
    run: _Run,
    arm: str,
    common: dict[str, Any],
    inspect: Callable[[System, str, int], Mapping[str, Any]],
) -> None:
    trainer = _trainer(run)
    state = run.folder.last_state(arm)
    trainer.load_state(state or common)
    if state is None:
        trainer.start_arm(arm)
    _epochs(run, trainer, run.config.epochs, inspect)
    found = run.folder.read_json("evaluation.json") if run.folder.has("evaluation.json") else {}
    if arm in found:
        return
    run.folder.write_json(f"{arm}.bank.json", describe_bank(trainer.system.bank, run.config))
    found[arm] = evaluate_arm(
        run.config,
        trainer.system,
        run.data,
        progress=lambda done, wanted: run.events.heard(arm, done, wanted),
    )
    run.folder.write_json("evaluation.json", found)


def _epochs(
    run: _Run,
    trainer: Trainer,
    until: int,
    inspect: Callable[[System, str, int], Mapping[str, Any]],
) -> None:
    while trainer.epoch < until:
        number = trainer.epoch + 1

        def told(step: int, steps: int, loss: float, number: int = number) -> None:
            run.events.step(trainer.arm, number, step, steps, loss)

        record = trainer.run_epoch(told, inspect)
        run.folder.save_epoch(record, trainer.state())
        run.events.epoch(record)


@torch.no_grad()
def describe_bank(bank: FilterBank, config: Config) -> dict[str, Any]:
    """Return a bank's elements and figures, SI units, one entry a channel each."""
    elements, transfer, costs = bank.elements(), bank.transfer(), make_costs(config.bank)
    excess = config.noise.excess if config.noise else 1.0
    columns = {
        **dict(zip(bank.cell.transconductances, elements.gm.T.tolist(), strict=True)),
        **{
            name.replace("gm", "i"): current
            for name, current in zip(
                bank.cell.transconductances, bank.law.current(elements.gm).T.tolist(), strict=True
            )
        },
        **dict(zip(bank.cell.capacitors, elements.c.T.tolist(), strict=True)),
    }
    return {
        "cell": bank.cell.name,
        "elements": columns,
        "f0": transfer.f0.tolist(),
        "q": transfer.q.tolist(),
        "gain": transfer.gain.tolist(),
        "noise": bank.noise(excess).tolist(),
        "power": bank.power(costs).tolist(),
        "area": bank.area(costs).tolist(),
    }


def _law(section: BankSection) -> tuple[GmLaw, dict[str, Any]]:
    """Return the gm law, by SPICE unless the configuration gives its parameters."""
    if section.n is not None and section.gm_law == "weak-inversion":
        return WeakInversion(section.n, section.temperature), {}
    if section.n is not None and section.specific_current is not None:
        return Ekv(section.n, section.specific_current, section.temperature), {}
    found = characterise(temperature=section.temperature)
    return found.law(section.gm_law), found.as_dict()


def law_from(told: Mapping[str, Any]) -> GmLaw:
    """Return the gm law that ``config.json`` holds."""
    values = {k: v for k, v in told.items() if k != "kind"}
    return Ekv(**values) if told["kind"] == "ekv" else WeakInversion(**values)


def _head(
    config: Config, data: SpeechData, source: str, law: GmLaw, characterisation: dict[str, Any]
) -> dict[str, Any]:
    kind = "ekv" if isinstance(law, Ekv) else "weak-inversion"
    return {
        "config": config.as_json(),
        "data": {
            "source": source,
            "fingerprint": data.fingerprint,
            "classes": list(data.classes),
            "sample_rate": data.sample_rate,
            "clips": {"train": len(data.train), "val": len(data.val), "test": len(data.test)},
            "warnings": list(data.warnings),
        },
        "law": {"kind": kind, **vars(law)},
        "characterisation": characterisation,
        "versions": {
            "spiceloop": version("spiceloop"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _require_same(folder: RunFolder, config: Config, data: SpeechData) -> None:
    head = folder.head()
    own = parse_config(head["config"])
    differ = [k for k in Config.model_fields if getattr(own, k) != getattr(config, k)]
    if differ:
        raise StudyError(
            f"{folder.path} was begun with another configuration; these differ: "
            f"{', '.join(differ)}. Resume it with its own (parse_config of config.json's config), "
            "or start anew in another folder"
        )
    kept = head["data"]["fingerprint"]
    if kept != data.fingerprint:
        raise StudyError(
            f"{folder.path} was trained on other data (fingerprint {kept[:12]}, now "
            f"{data.fingerprint[:12]}); name the same data by --data"
        )


def _require_same_common(head: Mapping[str, Any], common: RunFolder) -> None:
    """Two runs may differ in name, arms, thermal noise, SPICE and evaluation, nothing else."""
    free = ("name", "arms", "noise", "spice", "evaluation")
    other = common.head()
    kept = [{k: v for k, v in h["config"].items() if k not in free} for h in (head, other)]
    differ = sorted(k for k in kept[0] if kept[0][k] != kept[1].get(k))
    if other["data"]["fingerprint"] != head["data"]["fingerprint"]:
        differ.append("data")
    if other["law"] != head["law"]:
        differ.append("gm law")
    if differ:
        raise StudyError(
            f"the common phase of {common.path} is another run's; these differ: {', '.join(differ)}"
        )


def require_device(device: str) -> None:
    """Raise `SetupError` unless torch can use ``device`` ("cpu", "cuda", "cuda:1")."""
    kind, _, number = device.partition(":")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbered = int(number or 0) if (number or "0").isdecimal() else count
    if device != "cpu" and not (kind == "cuda" and numbered < count):
        raise SetupError(
            f"device {device!r} is not there (this torch sees {count} CUDA devices); use "
            "--device cpu"
        )


def _label(heard: Heard) -> str:
    return next(iter(accuracy([heard])))
