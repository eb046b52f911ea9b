"""Features against plain NumPy, the gain control against its recursion, noise against sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

from spiceloop.filterbank import FilterBank
from spiceloop.filterbank.gm_law import BOLTZMANN
from spiceloop.kws.features import Features, FrontEnd, ThermalNoise

RATE = 16_000


def bank(channels: int = 3, **how) -> FilterBank:
    return FilterBank.spread(channels, low=200, high=3000, sample_rate=RATE, **how)


def plain(means, f: Features):
    """Window, gain control and compression of means (channels, frames), in loops."""
    span = round(f.window / f.hop)
    channels, frames = means.shape
    out = np.zeros_like(means)
    keep = math.exp(-f.hop / f.agc_time)
    for c in range(channels):
        smooth = [sum(means[c, max(0, t - span + 1) : t + 1]) / span for t in range(frames)]
        level = smooth[min(span, frames) - 1]
        for t, value in enumerate(smooth):
            if f.normalisation == "agc":
                level = keep * level + (1 - keep) * value
                value = value / (level + f.floor) ** f.agc_strength
            else:
                value = value / f.floor
            if f.compression == "log":
                out[c, t] = math.log(value + f.offset) - math.log(f.offset)
            else:
                out[c, t] = (value + f.offset) ** f.exponent - f.offset**f.exponent
    return out


@pytest.mark.parametrize("normalisation", ["agc", "none"])
@pytest.mark.parametrize("compression", ["root", "log"])
@pytest.mark.parametrize("window", [0.01, 0.03])
def test_stages_against_loops(normalisation, compression, window):
    f = Features(normalisation=normalisation, compression=compression, window=window, agc_time=0.2)
    means = np.random.default_rng(1).lognormal(-5, 2, (2, 3, 40))
    found = FrontEnd(bank(), f).from_means(torch.from_numpy(means)).numpy()
    expected = np.stack([plain(clip, f) for clip in means])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rectifier", ["full-wave", "half-wave", "square"])
def test_from_a_waveform(rectifier):
    wave = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 4800)))
    filters = bank(method="fft")
    f = Features(rectifier=rectifier)
    with torch.no_grad():
        found = FrontEnd(filters, f)(wave).numpy()
        y = filters(wave).numpy()
    rectified = {"full-wave": np.abs(y), "half-wave": np.maximum(y, 0), "square": y**2}[rectifier]
    means = rectified.reshape(2, 3, 30, 160).mean(-1)
    np.testing.assert_allclose(found, [plain(m, f) for m in means], rtol=1e-7)


def test_features_are_causal():
    wave = torch.from_numpy(np.random.default_rng(3).standard_normal((1, 8000)))
    changed = wave.clone()
    changed[:, 4000:] *= 3
    front = FrontEnd(bank(method="recursion"), Features())
    with torch.no_grad():
        before, after = front(wave), front(changed)
    assert torch.equal(before[..., :24], after[..., :24])
    assert not torch.allclose(before[..., 25:], after[..., 25:])


def test_calibration_gives_mean_0_and_deviation_1():
    waves = list(torch.from_numpy(np.random.default_rng(4).standard_normal((3, 5, 8000))))
    front = FrontEnd(bank(), Features())
    front.calibrate(waves)
    with torch.no_grad():
        found = torch.cat([front(w) for w in waves])
    assert found.mean((0, 2)).abs().max() < 1e-6
    assert (found.std((0, 2)) - 1).abs().max() < 1e-6
    front.calibrate(waves)  # again: from the plain features, not from calibrated ones
    with torch.no_grad():
        assert torch.allclose(torch.cat([front(w) for w in waves]), found)


def test_a_silent_clip_gives_finite_features_and_gradients():
    filters = bank()
    front = FrontEnd(filters, Features(), ThermalNoise())
    features = front(torch.zeros(2, 8000), torch.Generator().manual_seed(0))
    features.sum().backward()
    assert torch.isfinite(features).all()
    assert all(torch.isfinite(p.grad).all() for p in filters.parameters())


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (Features(hop=1.03e-4), "no whole number of samples"),
        (Features(window=0.025), "no whole number of hops"),
    ],
)
def test_frames_must_be_whole(features, said):
    with pytest.raises(ValueError, match=said):
        FrontEnd(bank(), features)


# --- thermal noise ------------------------------------------------------------------------------

_FINE = 4 * RATE  # Hz at which the noise sources are sampled
_SECONDS = 20.0
_EXCESS = 1.4
_RECTIFIERS = {
    "full-wave": np.abs,
    "half-wave": lambda v: np.maximum(v, 0),
    "square": np.square,
}


def sampled_noise(filters: FilterBank, rng: np.random.Generator) -> np.ndarray:
    """Output noise (channels, samples) in V: each source's white current through its own H(s)."""
    elements = filters.elements().detach()
    transfer = filters.cell.transfer(elements)
    ways = filters.cell.noise_transfers(elements).numpy()
    total = np.zeros((filters.channels, round(_SECONDS * _FINE)))
    for c in range(filters.channels):
        poles = [1.0, float(transfer.d1[c]), float(transfer.d0[c])]
        for gm, way in zip(elements.gm[c].tolist(), ways[c], strict=True):
            density = 2 * 4 * BOLTZMANN * 300.15 * _EXCESS * gm  # A²/Hz, one-sided, both halves
            current = rng.standard_normal(total.shape[1]) * math.sqrt(density * _FINE / 2)
            numerator = np.trim_zeros(way, "f")
            b, a, _ = signal.cont2discrete((numerator, poles), 1 / _FINE, method="bilinear")
            total[c] += signal.lfilter(b.ravel(), a, current)
    return total


@pytest.fixture(scope="module")
def sampled() -> tuple[FilterBank, np.ndarray, np.ndarray]:
    """A bank, its noise, and a Gaussian signal in each channel's band with the noise's power."""
    filters = bank()
    return (
        filters,
        sampled_noise(filters, np.random.default_rng(6)),
        sampled_noise(filters, np.random.default_rng(7)),
    )


def test_noise_has_the_integrated_power_of_the_closed_form(sampled):
    filters, noise, _ = sampled
    expected = filters.noise(_EXCESS).detach().numpy()
    np.testing.assert_allclose(noise.std(1), expected, rtol=0.03)


@pytest.mark.parametrize("level", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("rectifier", _RECTIFIERS)
def test_noise_model_against_sampling_in_time(sampled, level, rectifier):
    """``level`` is the signal's amplitude against the noise's, which adds before the rectifier.

    The frames' mean agrees within 3 % (12 % for the square without a signal, where the model cuts
    off at zero). Their scatter, which the model states as an upper bound, is 1.3 to 2.4 times the
    sampled one: never less.
    """
    filters, noise, tone = sampled
    thermal = ThermalNoise(full_scale=0.1, excess=_EXCESS)
    features = Features(rectifier=rectifier)
    hop = round(features.hop * _FINE)

    def frames(y: np.ndarray) -> np.ndarray:
        return _RECTIFIERS[rectifier](y).reshape(filters.channels, -1, hop).mean(-1)

    found = frames((level * tone + noise) / thermal.full_scale)
    means = torch.from_numpy(frames(level * tone / thermal.full_scale))[None]
    front = FrontEnd(filters, features, thermal)
    draw = torch.Generator().manual_seed(8)
    with torch.no_grad():
        many = torch.stack([front._noisy(means, thermal, draw)[0] for _ in range(60)]).numpy()
    expected = many.mean(0)
    tolerance = 0.12 if rectifier == "square" and level == 0 else 0.03
    np.testing.assert_allclose(many.mean((0, 2)), found.mean(1), rtol=tolerance)
    ratio = (many[0] - expected).std(1) / (found - expected).std(1)
    assert np.all((ratio > 1.2) & (ratio < 2.5)), ratio


def test_noise_counts_against_full_scale():
    """Twice the full scale is half the noise; no noise section, no noise."""
    filters = bank()
    means = torch.zeros(1, 3, 2000, dtype=torch.float64)
    quiet, loud = (
        FrontEnd(filters, Features(), ThermalNoise(full_scale=v))._noisy(
            means, ThermalNoise(full_scale=v), torch.Generator().manual_seed(1)
        )
        for v in (0.2, 0.1)
    )
    torch.testing.assert_close(loud, 2 * quiet)
    plain_means = torch.rand(1, 3, 20, dtype=torch.float64)
    front = FrontEnd(filters, Features(), None)
    assert torch.equal(front.from_means(plain_means), front.from_means(plain_means))
