"""What is mixed for another device is there as a whole."""

from __future__ import annotations

import pytest
import torch

from spiceloop.kws.mixing import Noise, heard_in
from tiny_speech import speech


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_noise_follows_the_clips_to_their_device(device):
    data = speech(samples=4000)
    noise = Noise(data.noise_unseen, data.samples)
    for batch in heard_in(data.test, noise, 5.0, 0, device=device):
        assert batch.waveform.device == batch.label.device == torch.device(device)
