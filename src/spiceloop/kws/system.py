"""The whole trainable system: filters, features, classifier, built from a configuration."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from spiceloop.errors import ConfigError
from spiceloop.filterbank import Bounds, Costs, FilterBank, GmLaw
from spiceloop.kws.config import BankSection, Config
from spiceloop.kws.features import FrontEnd
from spiceloop.kws.model import make_classifier
from spiceloop.units import format_si

__all__ = ["System", "build_system", "make_bank", "make_costs"]


class System(nn.Module):
    """Waveform (batch, samples) → logits (batch, classes)."""

    def __init__(self, front_end: FrontEnd, classifier: nn.Module) -> None:
        super().__init__()
        self.front_end = front_end
        self.classifier = classifier

    @property
    def bank(self) -> FilterBank:
        """The filters."""
        return self.front_end.bank

    def forward(self, waveform: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.classifier(self.front_end(waveform, generator))
        return logits


def make_bank(section: BankSection, law: GmLaw, sample_rate: float) -> FilterBank:
    """Return the bank at its start. Raises `ConfigError`."""
    bounds = Bounds(
        capacitor=(section.capacitor_floor, section.capacitor_ceiling),
        current=(section.current_floor, section.current_ceiling),
        f0=(50.0, 0.46875 * sample_rate),
    )
    try:
        bank = FilterBank.spread(
            section.channels,
            low=section.low,
            high=section.high,
            q=section.q,
            gain=section.gain,
            scale=section.scale,
            capacitor=section.capacitor,
            cell=section.cell,
            parameters=section.parameters,
            law=law,
            bounds=bounds,
            sample_rate=sample_rate,
        )
    except ValueError as error:
        raise ConfigError("the bank cannot be made:", [f"bank: {error}"]) from None
    _require_inside(bank)
    return bank


@torch.no_grad()
def _require_inside(bank: FilterBank) -> None:
    """Raise `ConfigError` for a start that the first step of learning would throw elsewhere."""
    inside, start = copy.deepcopy(bank).project_().elements(), bank.elements()
    moved = torch.cat([inside.gm / start.gm, inside.c / start.c], 1).log().abs().amax(1)
    outside = [k + 1 for k in range(len(moved)) if moved[k] > 1e-6]
    if outside:
        b = bank.bounds
        limits = [
            f"{name} {format_si(low, unit)} to {format_si(high, unit)}"
            for name, unit, (low, high) in (
                ("f0", "Hz", b.f0),
                ("capacitors", "F", b.capacitor),
                ("currents", "A", b.current),
            )
        ]
        raise ConfigError(
            "the bank's start lies outside its bounds:",
            [
                f"bank: channels {', '.join(map(str, outside))}; expected {', '.join(limits)}, "
                f"Q {b.q[0]:g} to {b.q[1]:g}"
            ],
        )


def make_costs(section: BankSection) -> Costs:
    """Return what power and area are counted with."""
    return Costs(section.supply, section.capacitor_density)


def build_system(config: Config, law: GmLaw, classes: int, sample_rate: float) -> System:
    """Return the system at its start; the classifier's weights follow from the seed."""
    bank = make_bank(config.bank, law, sample_rate)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        try:
            classifier = make_classifier(config.classifier, bank.channels, classes)
        except ValueError as error:
            raise ConfigError("the classifier cannot be made:", [str(error)]) from None
    try:
        front_end = FrontEnd(bank, config.features, config.noise)
    except ValueError as error:
        raise ConfigError("the features cannot be made:", [f"features: {error}"]) from None
    return System(front_end, classifier)
