"""The whole system: every parameter learns, and the seed decides where it starts."""

from __future__ import annotations

import pytest
import torch

from spiceloop.errors import ConfigError
from tiny_speech import RATE, config, system


@pytest.mark.parametrize("cell", ["super-source-follower", "gm-c-biquad"])
@pytest.mark.parametrize("parameters", ["currents", "scaling"])
@pytest.mark.parametrize("rectifier", ["full-wave", "square"])
def test_gradients_reach_every_parameter(cell, parameters, rectifier):
    wanted = config(
        bank={"cell": cell, "parameters": parameters}, features={"rectifier": rectifier}
    )
    whole = system(wanted)
    wave = 0.1 * torch.randn(8, RATE, generator=torch.Generator().manual_seed(0))
    logits = whole(wave, torch.Generator().manual_seed(1))
    torch.nn.functional.cross_entropy(logits, torch.arange(8) % 4).backward()
    for name, p in whole.named_parameters():
        assert p.grad is not None, name
        assert torch.isfinite(p.grad).all(), name
        if "front_end" in name:
            assert (p.grad != 0).all(), name  # every single current, capacitor, scale


def test_the_seed_decides_the_weights_and_nothing_else_does():
    torch.manual_seed(1)
    first = system(config(seed=3)).state_dict()
    torch.manual_seed(2)
    same, other = system(config(seed=3)).state_dict(), system(config(seed=4)).state_dict()
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


def test_making_a_system_leaves_the_callers_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    system(config())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classifier": "resnet"}, "the classifier cannot be made"),
        ({"features": {"hop": "7u"}}, "the features cannot be made"),
        ({"bank": {"channels": 1}}, "2 channels or more"),
    ],
)
def test_what_cannot_be_made_is_a_config_error(changes, said):
    with pytest.raises(ConfigError, match=said):
        system(config(**changes))
