"""Classifiers: size, shape, what is refused."""

from __future__ import annotations

import re
import sys
import types

import pytest
import torch
from torch import nn

from spiceloop.kws.model import MODELS, count_parameters, make_classifier


@pytest.mark.parametrize(("name", "most"), [("ds-cnn", 22_000), ("ds-cnn-small", 16_500)])
def test_size_at_16_channels_and_12_classes(name, most):
    model = make_classifier(name, 16, 12)
    assert 0.8 * most < count_parameters(model) <= most
    assert model(torch.randn(3, 16, 100)).shape == (3, 12)


@pytest.mark.parametrize("channels", [2, 3, 8, 31])
@pytest.mark.parametrize("frames", [20, 100, 101])
@pytest.mark.parametrize("name", MODELS)
def test_any_number_of_channels_and_frames(name, channels, frames):
    model = make_classifier(name, channels, 5).eval()
    with torch.no_grad():
        assert model(torch.randn(2, channels, frames)).shape == (2, 5)


def test_one_channel_is_too_few():
    with pytest.raises(ValueError, match="2 channels or more"):
        make_classifier("ds-cnn", 1, 5)


def test_every_parameter_gets_a_gradient():
    model = make_classifier("ds-cnn", 8, 4)
    model(torch.randn(6, 8, 60)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_a_model_of_the_users_own(monkeypatch):
    module = types.ModuleType("own_models")

    class Linear(nn.Module):
        def __init__(self, channels: int, classes: int) -> None:
            super().__init__()
            self.out = nn.Linear(channels, classes)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(x.mean(2))

    module.Linear = Linear
    module.number = lambda channels, classes: channels * classes
    monkeypatch.setitem(sys.modules, "own_models", module)
    made = make_classifier("own_models:Linear", 4, 3)
    assert count_parameters(made) == 15
    with pytest.raises(ValueError, match="is a int, not a torch module"):
        make_classifier("own_models:number", 4, 3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet", "no classifier 'resnet'; there are ds-cnn, ds-cnn-small, or write module:Class"),
        ("nowhere_at_all:Net", "cannot be made: No module named"),
        ("math:Net", "cannot be made"),
        ("math:pi", "cannot be made"),
    ],
)
def test_what_cannot_be_made(name, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make_classifier(name, 4, 3)
