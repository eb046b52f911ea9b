"""The loss: its three terms in physical units, against the start."""

from __future__ import annotations

import math

import pytest
import torch

from spiceloop.filterbank import Costs
from spiceloop.kws.loss import Loss, Weights
from tiny_speech import config, system


def test_terms_and_total():
    bank = system(config()).bank
    costs = Costs(1.8, 2e-3)
    loss = Loss(bank, Weights(2.0, 0.3, 0.7), costs)
    logits = torch.tensor([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]])
    label = torch.tensor([1, 2])
    power, area = (float(v.detach().sum()) for v in (bank.power(costs), bank.area(costs)))
    ce = (
        -sum(
            math.log(math.exp(row[k]) / sum(map(math.exp, row)))
            for row, k in zip(logits.tolist(), label.tolist(), strict=True)
        )
        / 2
    )
    with torch.no_grad():
        at_start = loss(logits, label, bank)
    assert float(at_start.classification) == pytest.approx(ce)
    assert float(at_start.power) == pytest.approx(power)
    assert float(at_start.area) == pytest.approx(area)
    assert float(at_start.total) == pytest.approx(2 * ce + 0.3 + 0.7, rel=1e-6)

    bank.set_elements_(bank.elements().detach().scaled(gm=0.5, c=0.8))
    with torch.no_grad():
        after = loss(logits, label, bank)
    assert float(after.power) == pytest.approx(0.5 * power)
    assert float(after.area) == pytest.approx(0.8 * area)
    assert float(after.total) == pytest.approx(2 * ce + 0.3 * 0.5 + 0.7 * 0.8, rel=1e-6)


def test_label_smoothing_is_passed_on():
    bank = system(config()).bank
    logits, label = torch.tensor([[5.0, 0.0, 0.0, 0.0]]), torch.tensor([0])
    with torch.no_grad():
        plain = Loss(bank, Weights(), Costs())(logits, label, bank)
        smooth = Loss(bank, Weights(), Costs(), 0.1)(logits, label, bank)
    expected = torch.nn.functional.cross_entropy(logits, label, label_smoothing=0.1)
    assert float(smooth.classification) == pytest.approx(float(expected))
    assert float(smooth.total) > float(plain.total)


def test_costs_alone_pull_power_and_area_down():
    bank = system(config()).bank
    loss = Loss(bank, Weights(0.0, 1.0, 1.0), Costs())
    loss(torch.zeros(1, 4), torch.tensor([0]), bank).total.backward()
    for parameter in bank.parameters():
        assert (parameter.grad > 0).all()  # smaller currents and capacitors cost less
