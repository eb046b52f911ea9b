"""Filtered waveforms against `scipy.signal.lsim` on a 32 times finer grid.

The simulation takes the input to be straight between its points, which costs it (πf/fs)²/3 = 6.7e-4
at 7.2 kHz; the tolerance of the FFT holds little more than that.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from filterbank_signals import (
    CELLS,
    METHODS,
    OVERSAMPLING,
    PARAMETERS,
    bursts,
    chirp,
    deviation,
    noise,
    simulated,
    upsampled,
)
from spiceloop.filterbank import FilterBank

# rms of the difference over the channel's own rms.
TOLERANCE = {"fft": 7e-4, "recursion": 1.5e-3}
SIGNALS = {"chirp": chirp, "noise": noise, "bursts": bursts}
SPEECH = Path(__file__).parents[4] / "shared" / "speech" / "test"


@pytest.fixture(scope="module", params=(0.7, 2.0, 8.0), ids=lambda q: f"Q{q}")
def references(request):
    """Each signal on the fine grid and what scipy makes of it."""
    transfer = FilterBank.spread(q=request.param, gain=1.3).transfer()
    fine = {name: make(2000) for name, make in SIGNALS.items()}
    return request.param, fine, {name: simulated(transfer, wave) for name, wave in fine.items()}


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("method", METHODS)
def test_waveforms_agree_with_lsim(references, method, cell, parameters):
    q, fine, simulations = references
    bank = FilterBank.spread(q=q, gain=1.3, cell=cell, parameters=parameters, method=method)
    # The super-source follower inverts, the biquad does not.
    sign = {"super-source-follower": 1, "gm-c-biquad": -1}[cell]
    batch = np.stack([fine[name][::OVERSAMPLING] for name in SIGNALS])
    y = sign * bank(torch.from_numpy(batch)).detach().numpy()
    assert y.shape == (len(SIGNALS), 16, 2000)
    for clip, name in enumerate(SIGNALS):
        assert deviation(y[clip], simulations[name]).max() < TOLERANCE[method], name


@pytest.mark.parametrize("method", METHODS)
def test_single_precision_agrees_with_lsim(references, method):
    q, fine, simulations = references
    bank = FilterBank.spread(q=q, gain=1.3, method=method)
    x = torch.from_numpy(fine["bursts"][::OVERSAMPLING].astype(np.float32))[None]
    y = bank(x)
    assert y.dtype == torch.float32
    worst = deviation(y[0].detach().double().numpy(), simulations["bursts"]).max()
    assert worst < TOLERANCE[method] * 1.1


@pytest.mark.skipif(not SPEECH.is_dir(), reason="no recorded speech beside the repository")
@pytest.mark.parametrize("method", METHODS)
def test_recorded_speech_agrees_with_lsim(method):
    soundfile = pytest.importorskip("soundfile")
    bank = FilterBank.spread(method=method)
    words = sorted(SPEECH.rglob("*.flac"))
    for file in (words[0], words[len(words) // 3], words[-1]):
        wave, rate = soundfile.read(file)
        assert rate == 16000
        loudest = int(np.argmax(np.convolve(wave**2, np.ones(4000), "valid")))
        fine = upsampled(wave[loudest : loudest + 4000])
        y = bank(torch.from_numpy(fine[::OVERSAMPLING].copy())[None])[0].detach().numpy()
        reference = simulated(bank.transfer(), fine)
        # Relative to the loudest channel: there may be next to nothing above 5 kHz in a vowel.
        error = np.sqrt(np.mean((y - reference) ** 2, -1)).max()
        assert error < TOLERANCE[method] * np.sqrt(np.mean(reference**2, -1)).max()
        own = deviation(y, reference)
        assert own.max() < 5 * TOLERANCE[method], own
