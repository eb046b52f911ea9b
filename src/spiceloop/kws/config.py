"""The configuration of a co-design run: the pydantic model of ``CONFIG.yaml``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from spiceloop.errors import ConfigError, ProblemError
from spiceloop.kws.features import Features, ThermalNoise
from spiceloop.kws.loss import Weights
from spiceloop.kws.mixing import Mixing
from spiceloop.located_yaml import Location, read_yaml
from spiceloop.numbers import Number
from spiceloop.own_files import require_own

__all__ = ["COMMON", "Arm", "BankSection", "Config", "load_config", "parse_config"]

COMMON = "common"  # the phase that all arms share
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSection(_Section):
    """Which words of the data set; ``words`` none: those of the loader's layout."""

    words: tuple[str, ...] | None = None
    split_column: str | None = None
    resample: bool = False

    @field_validator("words", mode="before")
    @classmethod
    def _quoted(cls, words: object) -> object:
        if isinstance(words, list | tuple) and any(isinstance(w, bool) for w in words):
            raise ValueError('YAML reads yes, no, on and off as truth values; quote them: "yes"')
        return words


class BankSection(_Section):
    """The bank at its start, and what of it is trained."""

    cell: Literal["super-source-follower", "gm-c-biquad"] = "super-source-follower"
    channels: int = Field(16, ge=1, le=128)
    low: Number = 100.0  # f0 of the first and of the last channel, Hz
    high: Number = 6000.0
    scale: Literal["log", "mel", "erb", "linear"] = "log"
    q: Number = 2.0
    gain: Number = 1.0
    capacitor: Number = 3.2e-12  # geometric mean of a channel's capacitors, F
    parameters: Literal["currents", "scaling"] = "currents"
    gm_law: Literal["weak-inversion", "ekv"] = "weak-inversion"
    n: Number | None = None  # none: characterised by SPICE
    specific_current: Number | None = None  # A; for ekv, none: characterised by SPICE
    temperature: Number = 27.0
    supply: Number = 1.8
    capacitor_density: Number = 2e-3
    capacitor_floor: Number = 0.8e-12  # no capacitor becomes smaller, F
    capacitor_ceiling: Number = 32e-12
    current_floor: Number = 10e-12
    current_ceiling: Number = 1e-6

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        if not 0 < self.low < self.high:
            raise ValueError(f"expected 0 < low < high, got {self.low:g} and {self.high:g} Hz")
        if not 0 < self.capacitor_floor <= self.capacitor <= self.capacitor_ceiling:
            raise ValueError("expected 0 < capacitor_floor <= capacitor <= capacitor_ceiling")
        if not 0 < self.current_floor < self.current_ceiling:
            raise ValueError("expected 0 < current_floor < current_ceiling")
        if min(self.q, self.gain, self.supply, self.capacitor_density) <= 0:
            raise ValueError("q, gain, supply and capacitor_density must be positive")
        if self.temperature <= -273.15:
            raise ValueError(f"temperature: {self.temperature:g} °C is below absolute zero")
        given = [v for v in (self.n, self.specific_current) if v is not None]
        if any(v <= 0 for v in given):
            raise ValueError("n and specific_current must be positive")
        if self.gm_law == "ekv" and len(given) == 1:
            raise ValueError("ekv: give both n and specific_current, or neither")
        if self.gm_law == "weak-inversion" and self.specific_current is not None:
            raise ValueError("specific_current is for gm_law: ekv")
        return self


class TrainingSection(_Section):
    """Both phases share one learning-rate schedule; filters learn in the second phase only."""

    classifier_epochs: int = Field(20, ge=0)
    joint_epochs: int = Field(10, ge=1)
    batch: int = Field(100, ge=2)
    rate: Number = Field(6e-3, gt=0)
    filter_rate: Number = Field(1e-2, gt=0)  # of the logarithms of the filters' parameters
    weight_decay: Number = Field(0.02, ge=0)
    label_smoothing: Number = Field(0.0, ge=0, lt=1)


class Arm(_Section):
    """One way to spend the second phase: which weights, and whether the filters learn.

    ``scale`` multiplies every gm and every capacitor of the bank at the beginning of the phase,
    which leaves H(s) as it is and makes power and area smaller and noise larger.
    """

    filters: Literal["learned", "fixed"] = "learned"
    classification: Number = Field(1.0, ge=0)
    power: Number = Field(0.0, ge=0)
    area: Number = Field(0.0, ge=0)
    scale: Number = Field(1.0, gt=0)

    @property
    def weights(self) -> Weights:
        """λ1, λ2, λ3."""
        return Weights(self.classification, self.power, self.area)


class SpiceSection(_Section):
    """SPICE in the loop: every how many epochs, and the largest response error allowed."""

    every: int = Field(1, ge=1)
    tolerance: Number = Field(1e-3, gt=0)  # of a channel's peak gain
    simulator: Literal["ngspice-lib", "ngspice-batch"] = "ngspice-lib"


class EvaluationSection(_Section):
    """The SNRs (dB) at which the test clips are heard, besides clean.

    With ``by_kind`` also every kind of unseen noise for itself, at the lowest SNR.
    """

    snr: tuple[Number, ...] = (20.0, 15.0, 10.0, 5.0)
    by_kind: bool = True


class Config(_Section):
    """A whole run."""

    name: Name
    seed: int = Field(0, ge=0)
    data: DataSection = DataSection()
    bank: BankSection = BankSection()
    features: Features = Features()
    noise: ThermalNoise | None = ThermalNoise()
    classifier: str = "ds-cnn"
    mixing: Mixing = Mixing()
    training: TrainingSection = TrainingSection()
    arms: dict[Name, Arm] = Field(
        default={"fixed": Arm(filters="fixed"), "learned": Arm(power=0.05, area=0.05)},
        min_length=1,
    )
    spice: SpiceSection = SpiceSection()
    evaluation: EvaluationSection = EvaluationSection()

    @model_validator(mode="after")
    def _arm_names(self) -> Self:
        if COMMON in self.arms:
            raise ValueError(f"arms: {COMMON!r} is the phase before the arms; choose another name")
        return self

    @property
    def epochs(self) -> int:
        """Epochs of both phases."""
        return self.training.classifier_epochs + self.training.joint_epochs

    @property
    def trap(self) -> str:
        """Say what keeps the filters from being scaled down without limit."""
        from spiceloop.units import format_si

        parts = [f"no capacitor below {format_si(self.bank.capacitor_floor, 'F')}"]
        if self.noise is not None:
            full_scale = format_si(self.noise.full_scale, "V")
            parts.insert(0, f"thermal noise against a full scale of {full_scale}")
        return " and ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        data: dict[str, Any] = json.loads(self.model_dump_json())
        return data


def load_config(path: str | Path, *, trust_python: bool = False) -> Config:
    """Read ``CONFIG.yaml``. Raises `ConfigError` that lists every mistake with its line.

    A file that names a classifier of its own, ``module:Class``, must be the user's own unless
    ``trust_python`` (see `spiceloop.own_files`). Raises `UntrustedPythonError` where it is not.
    """
    path = Path(path)
    try:
        data, lines, mistakes = read_yaml(path)
    except ProblemError as error:
        text = str(error).split("; `spiceloop init")[0].replace("problem file", "configuration")
        raise ConfigError(text) from None
    texts = [_located(path, lines, where, what) for where, what in mistakes]
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        texts += [_located(path, lines, where, what) for where, what in _mistakes(error)]
    if texts:
        raise ConfigError(f"{path} cannot be used:", sorted(texts, key=_line))
    if ":" in config.classifier and not trust_python:
        require_own([path], [config.classifier])
    return config


def parse_config(data: dict[str, Any]) -> Config:
    """Return the configuration of a mapping, as `load_config` does of a file."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        texts = [f"{'.'.join(where)}: {what}" for where, what in _mistakes(error)]
        raise ConfigError("the configuration cannot be used:", texts) from None


def _mistakes(error: ValidationError) -> Iterator[tuple[Location, str]]:
    for detail in error.errors():
        where = tuple(str(part) for part in detail["loc"])
        kind = detail["type"]
        if kind in ("extra_forbidden", "unexpected_keyword_argument"):
            yield where, "unknown key"
        elif kind == "missing":
            yield where, "is missing"
        elif kind == "value_error":
            yield where, str(detail["ctx"]["error"])
        else:
            message = detail["msg"].replace("Input should be", "expected")
            yield where, f"{message}, got {str(detail['input'])[:60]!r}"


def _located(path: Path, lines: dict[Location, int], where: Location, what: str) -> str:
    known = where
    while known and known not in lines:
        known = known[:-1]
    return f"{path.name}:{lines.get(known, 1)}: {'.'.join(where)}: {what}"


def _line(text: str) -> int:
    return int(text.split(":")[1])
