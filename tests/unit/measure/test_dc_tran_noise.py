from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from spiceloop.measure import dc, noise, tran


def test_offset_and_swing_of_a_tanh() -> None:
    v = np.linspace(-0.02, 0.02, 2001)
    out = 0.9 + 0.9 * np.tanh((v - 0.003) / 0.002)
    assert dc.offset(v, out, 0.9) == pytest.approx(0.003, abs=1e-6)
    # The slope of tanh is 1 − tanh²; half of it is left at tanh = ±1/√2.
    assert dc.output_swing(v, out, 0.5) == pytest.approx(2 * 0.9 / np.sqrt(2), rel=1e-3)


def test_offset_that_is_never_reached() -> None:
    assert np.isnan(dc.offset([0, 1], [0, 0.5], 0.9))


def test_slope_is_exact_for_a_parabola_on_uneven_samples() -> None:
    x = np.array([0.0, 0.1, 0.5, 0.6, 1.0])
    assert dc.slope(x, x**2) == pytest.approx(2 * x)


def test_exponential_step() -> None:
    tau = 1e-9
    t = np.linspace(0, 20 * tau, 20001)
    v = 1 - np.exp(-t / tau)
    assert tran.rise_time(t, v) == pytest.approx(np.log(9) * tau, rel=1e-4)
    assert tran.settling_time(t, v, tolerance=0.01) == pytest.approx(np.log(100) * tau, rel=1e-4)
    assert tran.slew_rate(t, v) == pytest.approx(0.6 / (np.log(4) * tau), rel=1e-4)
    assert tran.overshoot(v) == 0
    # The same downwards, on another level and scale.
    assert tran.rise_time(t, 5 - 3 * v) == pytest.approx(np.log(9) * tau, rel=1e-4)
    assert tran.slew_rate(t, 5 - 3 * v) == pytest.approx(1.8 / (np.log(4) * tau), rel=1e-4)


def test_settling_before_the_start_is_zero_and_never_is_nan() -> None:
    t = np.linspace(0, 1, 11)
    v = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.0])
    assert tran.settling_time(t, v, start=0.5) == 0
    assert np.isnan(tran.settling_time(t, v, final=2.0))


def test_a_wave_without_a_step() -> None:
    with pytest.raises(ValueError, match="no step"):
        tran.rise_time([0, 1], [1, 1])


@pytest.mark.parametrize("power", [0.0, -0.5, -1.0, 0.5])
def test_power_law_noise_is_integrated_exactly(power: float) -> None:
    """density = f^power, so density² = f^(2·power); −0.5 is 1/f noise."""
    f = np.array([1.0, 7.0, 50.0, 1000.0])
    exact = np.sqrt(quad(lambda x: x ** (2 * power), 3.0, 400.0, epsrel=1e-12)[0])
    assert noise.integrated(f, f**power, 3.0, 400.0) == pytest.approx(exact, rel=1e-9)


def test_band_outside_the_sweep() -> None:
    with pytest.raises(ValueError, match="not inside the sweep"):
        noise.integrated([1, 10], [1, 1], 0.1, 5)


def test_spot_noise() -> None:
    f = np.array([1.0, 100.0])
    assert noise.spot(f, 1 / np.sqrt(f), 10.0) == pytest.approx(10**-0.5)
