"""L = λ1·L_CE + λ2·L_power + λ3·L_area, power and area in W and m² over their start."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spiceloop.filterbank import Costs, FilterBank
from spiceloop.numbers import Number

__all__ = ["Loss", "LossTerms", "Weights"]


@dataclass(frozen=True)
class Weights:
    """λ1, λ2 and λ3 of Hu, Goh, Gao (2025), Eq. (4)."""

    classification: Number = 1.0
    power: Number = 0.0
    area: Number = 0.0


@dataclass(frozen=True)
class LossTerms:
    """The total and its parts; ``power`` in W and ``area`` in m² of the whole bank."""

    total: Tensor
    classification: Tensor
    power: Tensor
    area: Tensor


class Loss:
    """The loss of one arm. ``bank`` as it is now is the start that power and area count against."""

    def __init__(
        self, bank: FilterBank, weights: Weights, costs: Costs, label_smoothing: float = 0.0
    ) -> None:
        self.weights = weights
        self.costs = costs
        self.label_smoothing = label_smoothing
        with torch.no_grad():
            self.start_power = bank.power(costs).sum()
            self.start_area = bank.area(costs).sum()

    def __call__(self, logits: Tensor, label: Tensor, bank: FilterBank) -> LossTerms:
        """Return the terms for logits (batch, classes) and labels (batch,)."""
        w = self.weights
        ce = torch.nn.functional.cross_entropy(logits, label, label_smoothing=self.label_smoothing)
        power, area = bank.power(self.costs).sum(), bank.area(self.costs).sum()
        cost = w.power * power / self.start_power + w.area * area / self.start_area
        return LossTerms(w.classification * ce + cost.to(ce.dtype), ce, power, area)
