"""What a co-design report is made from: a frozen view of a run's folder, finished or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from spiceloop.bridge.codesign import describe_bank, law_from
from spiceloop.filterbank import GmLaw
from spiceloop.kws.config import Arm, Config, parse_config
from spiceloop.kws.paired import Difference, paired_difference
from spiceloop.kws.run_folder import RunFolder
from spiceloop.kws.system import make_bank
from spiceloop.kws.train import COMMON, EpochRecord

__all__ = ["ArmView", "BankFigures", "RunView", "condition_text", "noise_of", "snr_of"]


@dataclass(frozen=True)
class BankFigures:
    """A bank's figures, one entry a channel: Hz, 1, 1, V rms, W and m²; ``elements`` in SI units.

    What is not known is empty.
    """

    f0: tuple[float, ...]
    q: tuple[float, ...]
    gain: tuple[float, ...]
    noise: tuple[float, ...] = ()
    power: tuple[float, ...] = ()
    area: tuple[float, ...] = ()
    elements: Mapping[str, tuple[float, ...]] | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Take what `describe_bank` told."""
        figures = {k: tuple(told[k]) for k in ("f0", "q", "gain", "noise", "power", "area")}
        return cls(**figures, elements={k: tuple(v) for k, v in told["elements"].items()})


@dataclass(frozen=True)
class ArmView:
    """One arm: ``records`` of its own epochs, the trained ``bank`` and what it ``heard``.

    ``heard`` is its entry of ``evaluation.json``; empty until the arm is finished.
    """

    name: str
    arm: Arm
    records: tuple[EpochRecord, ...]
    bank: BankFigures | None
    heard: Mapping[str, Any]

    @property
    def learned(self) -> bool:
        """Whether its filters learn."""
        return self.arm.filters == "learned"

    @property
    def accuracy(self) -> Mapping[str, float]:
        """Accuracy by condition, such as ``clean`` or ``known 5``; empty until it is finished."""
        found: Mapping[str, float] = self.heard.get("accuracy", {})
        return found

    @property
    def now(self) -> BankFigures | None:
        """The bank as it is: trained, or as the last epoch left it; None before the first."""
        if self.bank is not None or not self.records:
            return self.bank
        last = self.records[-1]
        return BankFigures(last.f0, last.q, last.gain, last.noise)

    def against(self, other: ArmView, condition: str) -> Difference | None:
        """Accuracy minus the other arm's, paired clip by clip; None where one has not heard it."""
        mine, others = (a.heard.get("wrong", {}).get(condition) for a in (self, other))
        if mine is None or others is None:
            return None
        return paired_difference(mine, others, self.heard["clips"])


@dataclass(frozen=True)
class RunView:
    """A run: what it was asked to do, how far it got, and what came out."""

    path: Path
    head: Mapping[str, Any]
    config: Config
    law: GmLaw
    start: BankFigures
    spice_start: Mapping[str, Any]
    common: tuple[EpochRecord, ...]
    arms: tuple[ArmView, ...]

    @classmethod
    def read(cls, folder: RunFolder) -> Self:
        """Read a run's folder. Raises `StudyError` where it is none or damaged."""
        head = folder.head()
        config, law = parse_config(head["config"]), law_from(head["law"])
        start = describe_bank(make_bank(config.bank, law, head["data"]["sample_rate"]), config)
        records = folder.records()
        heard = _optional(folder, "evaluation.json")
        arms = tuple(
            ArmView(
                name,
                arm,
                tuple(r for r in records if r.arm == name),
                BankFigures.of(folder.read_json(f"{name}.bank.json"))
                if folder.has(f"{name}.bank.json")
                else None,
                heard.get(name, {}),
            )
            for name, arm in config.arms.items()
        )
        return cls(
            folder.path,
            head,
            config,
            law,
            BankFigures.of(start),
            _optional(folder, "start.json"),
            tuple(r for r in records if r.arm == COMMON),
            arms,
        )

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes."""
        names: Sequence[str] = self.head["data"]["classes"]
        return names

    @property
    def records(self) -> tuple[EpochRecord, ...]:
        """All finished epochs, those of the common phase first."""
        return (*self.common, *(r for arm in self.arms for r in arm.records))

    @property
    def epochs_wanted(self) -> int:
        """How many epochs the whole run has."""
        t = self.config.training
        return t.classifier_epochs + t.joint_epochs * len(self.arms)

    @property
    def finished(self) -> bool:
        """Whether every arm is trained and has heard the test clips."""
        return all(arm.heard for arm in self.arms)

    @property
    def control(self) -> ArmView | None:
        """The arm that others are compared with: the first with fixed filters."""
        return next((arm for arm in self.arms if not arm.learned), None)

    @property
    def start_power(self) -> float:
        """The starting bank's power in W."""
        return sum(self.start.power)

    @property
    def start_area(self) -> float:
        """The starting bank's capacitor area in m²."""
        return sum(self.start.area)

    def power_change(self, arm: ArmView) -> float | None:
        """An arm's power against the start's, as a part: −0.3 is 30 % less; None before it ran."""
        return arm.records[-1].power / self.start_power - 1 if arm.records else None

    def area_change(self, arm: ArmView) -> float | None:
        """An arm's capacitor area against the start's, as `power_change`."""
        return arm.records[-1].area / self.start_area - 1 if arm.records else None

    @property
    def conditions(self) -> tuple[str, ...]:
        """All conditions that an arm has heard, in their order, single kinds of noise left out."""
        found = dict.fromkeys(c for arm in self.arms for c in arm.accuracy)
        return tuple(c for c in found if ":" not in c)

    @property
    def hardest(self) -> str | None:
        """Known noise at the lowest SNR, or None where only clean clips were heard."""
        known = [c for c in self.conditions if noise_of(c) == "known"]
        return min(known, key=snr_of) if known else None


def noise_of(condition: str) -> str:
    """Return ``known`` of ``known 5``, ``clean`` of ``clean``."""
    return condition.split(" ")[0] if condition == "clean" else condition.rpartition(" ")[0]


def snr_of(condition: str) -> float:
    """Return 5 of ``known 5``; infinity of ``clean``."""
    return float("inf") if condition == "clean" else float(condition.rpartition(" ")[2])


def condition_text(condition: str) -> str:
    """Return a condition in words: ``known noise, 5 dB``."""
    if condition == "clean":
        return "clean"
    noise, _, kind = noise_of(condition).partition(":")
    return f"{noise} noise{f' ({kind})' if kind else ''}, {snr_of(condition):g} dB"


def _optional(folder: RunFolder, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = folder.read_json(name) if folder.has(name) else {}
    return found
