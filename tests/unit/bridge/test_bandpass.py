"""f0, Q and gain from samples of closed forms."""

import numpy as np
import pytest

from spiceloop.bridge.bandpass import measure_bandpass

F = np.geomspace(10, 50e3, 600)


def resonance(f, f0, q, gain=1.0):
    return gain / (1 + 1j * q * (f / f0 - f0 / f))


@pytest.mark.parametrize("q", [0.5, 1.0, 4.0, 16.0])
@pytest.mark.parametrize("f0", [50.0, 333.3, 7500.0])
def test_second_order_band_pass(f0, q):
    seen = measure_bandpass(F, -resonance(F, f0, q, gain=0.37))
    assert seen.f0 == pytest.approx(f0, rel=1e-5)
    assert seen.q == pytest.approx(q, rel=1e-4)
    assert seen.gain == pytest.approx(0.37, rel=1e-5)


def test_q_is_that_of_the_measured_band_not_of_a_fitted_resonance():
    # Two equal resonances in cascade: the -3 dB band shrinks by sqrt(sqrt(2) - 1).
    seen = measure_bandpass(F, resonance(F, 1000.0, 3.0) ** 2)
    assert seen.q == pytest.approx(3.0 / np.sqrt(np.sqrt(2) - 1), rel=1e-4)


def test_the_higher_of_two_peaks_counts():
    h = resonance(F, 200.0, 8.0) + 1.5 * resonance(F, 4000.0, 8.0)
    seen = measure_bandpass(F, h)
    assert seen.f0 == pytest.approx(4000, rel=1e-3)
    assert seen.q == pytest.approx(8, rel=0.01)


def test_feedthrough_below_half_power_leaves_a_band_and_above_it_none():
    assert measure_bandpass(F, np.hypot(abs(resonance(F, 1000.0, 5.0)), 0.3)).q > 0
    assert np.isnan(measure_bandpass(F, np.hypot(abs(resonance(F, 1000.0, 5.0)), 1.1)).q)


def test_what_the_sweep_does_not_reach_is_nan():
    upper = F > 950
    seen = measure_bandpass(F[upper], resonance(F[upper], 1000.0, 2.0))
    assert seen.f0 == pytest.approx(1000, rel=1e-4)
    assert np.isnan(seen.q)
    beyond = F > 1500
    seen = measure_bandpass(F[beyond], resonance(F[beyond], 1000.0, 2.0))
    assert np.isnan([seen.f0, seen.q]).all()


def test_no_response_at_all_is_nan():
    for h in (np.zeros_like(F), np.full_like(F, np.nan)):
        assert np.isnan(measure_bandpass(F, h).f0)


def test_dead_samples_beside_the_peak_raise_nothing():
    h = np.where(abs(np.log(F / 1000)) < 0.02, 1.0, 0.0)
    assert np.isnan(measure_bandpass(F, h).q)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="600"):
        measure_bandpass(F, np.ones(3))
