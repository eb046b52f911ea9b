"""Shapes, methods and refusals of `FilterBank`."""

import numpy as np
import pytest
import torch

from filterbank_signals import METHODS, OVERSAMPLING, bursts, noise, small_bank
from spiceloop.filterbank import Elements, FilterBank
from spiceloop.filterbank.filtering import RECTIFIERS
from spiceloop.filterbank.frequency import padding
from spiceloop.filterbank.recursion import TAPS


@pytest.mark.parametrize("channels", [1, 3, 17, 64])
@pytest.mark.parametrize("method", METHODS)
def test_any_number_of_channels(channels, method):
    """The channels do not know of each other: each is what it is in a bank of its own."""
    bank = FilterBank.spread(channels, method=method)
    x = torch.from_numpy(np.stack([wave(500)[::OVERSAMPLING] for wave in (noise, bursts)]))
    y = bank(x)
    assert (y.shape, bank.channels) == ((2, channels, 500), channels)
    held = bank.elements().detach()
    for i in {0, channels // 2, channels - 1}:
        alone = FilterBank(Elements(held.gm[i : i + 1], held.c[i : i + 1]), method=method)
        # The padding of the FFT follows the slowest channel, so it is not the same.
        torch.testing.assert_close(alone(x)[:, 0], y[:, i], rtol=0, atol=2e-5)


def test_one_frequency_is_the_low_end():
    assert FilterBank.spread(1, low=300.0).transfer().f0.item() == pytest.approx(300.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("samples", [1, 2, 7, TAPS - 1, TAPS, TAPS + 1])
def test_very_short_clips(samples, dtype):
    x = torch.randn(1, samples, dtype=dtype)
    for method in METHODS:
        bank = small_bank(method=method)
        y = bank(x)
        assert (y.shape, y.dtype) == ((1, 3, samples), dtype)
        y.sum().backward()
        assert all(p.grad.isfinite().all() for p in bank.parameters())
    # The same as the beginning of a longer clip that goes on in silence.
    bank = small_bank(method="recursion")
    longer = torch.cat([x, torch.zeros(1, 100, dtype=dtype)], 1)
    torch.testing.assert_close(bank(x), bank(longer)[..., :samples])


@pytest.mark.parametrize("rectifier", RECTIFIERS)
@pytest.mark.parametrize("hop", [1, 7, 160, 333, 500])
@pytest.mark.parametrize("method", METHODS)
def test_rectified_means_are_what_they_say(method, hop, rectifier):
    bank = small_bank(method=method)
    x = torch.randn(2, 500, dtype=torch.float64)
    y = bank(x)
    y = {"full-wave": y.abs(), "half-wave": y.clamp(min=0), "square": y**2}[rectifier]
    frames = 500 // hop
    plain = torch.stack([y[..., i * hop : (i + 1) * hop].mean(-1) for i in range(frames)], -1)
    torch.testing.assert_close(bank.rectified_means(x, hop, rectifier), plain)


@pytest.mark.parametrize("method", METHODS)
def test_a_hop_longer_than_the_clip_gives_no_frame(method):
    assert small_bank(method=method).rectified_means(torch.randn(2, 50), 51).shape == (2, 3, 0)


def test_waveforms_need_not_be_contiguous():
    bank = small_bank(method="recursion")
    x = torch.randn(2, 3, 200)
    torch.testing.assert_close(bank(x[:, 1]), bank(x[:, 1].clone()))
    torch.testing.assert_close(bank(x[0].T.contiguous().T), bank(x[0]))
    torch.testing.assert_close(bank(x[0, :, ::2]), bank(x[0, :, ::2].clone()))
    assert bank(x[:1, 0].expand(4, -1)).shape == (4, 3, 200)


def test_auto_is_the_recursion_on_the_cpu():
    x = torch.randn(1, 300)
    held = small_bank().elements()
    auto, recursion = FilterBank(held)(x), FilterBank(held, method="recursion")(x)
    assert torch.equal(auto, recursion)
    assert not torch.equal(auto, FilterBank(held, method="fft")(x))


@pytest.mark.parametrize("method", METHODS)
def test_nan_stays_in_its_clip(method):
    """By the recursion from shortly before the sample on, by the FFT in the whole clip."""
    x = torch.randn(2, 300)
    y = small_bank(method=method)(
        torch.stack([x[0].index_fill(0, torch.tensor([150]), torch.nan), x[1]])
    )
    assert y[1].isfinite().all()
    if method == "recursion":
        assert y[0, :, 150:].isnan().all()
        assert y[0, :, : 150 - TAPS // 2].isfinite().all()
    else:
        assert y[0].isnan().all()


def test_the_padding_outlasts_the_slowest_channel():
    """The response of a click at the clip's end must not come round to its beginning."""
    for q in (0.5, 0.51, 2.0, 16.0):
        bank = FilterBank.spread(4, low=50.0, q=q, method="fft")
        x = torch.zeros(1, 2000, dtype=torch.float64)
        x[0, -1] = 1
        early = bank(x)[..., :1500].abs().max().item()
        # What is left is the interpolation's own tail, which falls as 1/t.
        assert early < 1e-3
        assert padding(bank.transfer(), 8000.0) == pytest.approx(
            padding(bank.transfer(), 16000.0) / 2, abs=1
        )


def test_printing_says_what_it_is():
    text = repr(FilterBank.spread(16, q=2.0))
    assert "super-source-follower, 16 channels, f0 100 to 6000 Hz, Q 2.00 to 2.00" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"parameters": "sizes"}, "no parametrization 'sizes'; there are (scaling|currents)"),
        ({"method": "lfilter"}, "no method 'lfilter'; there are auto, recursion, fft"),
        ({"cell": "sallen-key"}, "'sallen-key'; there are gm-c-biquad, super-source-follower"),
        ({"scale": "bark"}, "no scale 'bark'"),
        ({"channels": 0}, "a channel or more"),
    ],
)
def test_unknown_names_list_the_known_ones(arguments, text):
    with pytest.raises(ValueError, match=text):
        FilterBank.spread(**arguments)


def test_elements_of_another_cell_are_refused():
    held = FilterBank.spread(3, cell="gm-c-biquad").elements()
    text = r"has 2 transconductances and 2 capacitors a channel, got gm \(3, 4\), c \(3, 2\)"
    with pytest.raises(ValueError, match=text):
        FilterBank(held)


@pytest.mark.parametrize(
    ("waveform", "text"),
    [
        (torch.randn(300), r"\(batch, samples\).*got torch.float32 \(300,\)"),
        (torch.randn(2, 1, 300), r"got torch.float32 \(2, 1, 300\)"),
        (torch.zeros(2, 300, dtype=torch.int16), r"float32 or float64.*got torch.int16"),
        (torch.zeros(2, 300, dtype=torch.float16), "got torch.float16"),
        (torch.zeros(2, 300, dtype=torch.bfloat16), "got torch.bfloat16"),
        (torch.zeros(2, 300, dtype=torch.complex64), "got torch.complex64"),
        (torch.zeros(0, 300), r"not empty, got torch.float32 \(0, 300\)"),
        (torch.zeros(2, 0), r"not empty, got torch.float32 \(2, 0\)"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_waveforms_that_are_none(method, waveform, text):
    bank = small_bank(method=method)
    for run in (bank, lambda w: bank.rectified_means(w, 10)):
        with pytest.raises(ValueError, match=text):
            run(waveform)


@pytest.mark.parametrize("method", METHODS)
def test_bad_hops_and_rectifiers(method):
    bank, x = small_bank(method=method), torch.randn(1, 100)
    for hop in (0, -5):
        with pytest.raises(ValueError, match=f"one sample or more, got {hop}"):
            bank.rectified_means(x, hop)
    with pytest.raises(ValueError, match="no rectifier 'diode'; there are full-wave, half-wave"):
        bank.rectified_means(x, 10, "diode")


def test_the_recursion_is_for_the_cpu():
    """Said before anything runs; the device "meta" stands in for a card."""
    with pytest.raises(ValueError, match="runs on the CPU and the waveform is on meta; use 'auto'"):
        small_bank(method="recursion")(torch.randn(1, 100, device="meta"))
