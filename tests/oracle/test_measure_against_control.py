"""Margins and step figures against python-control (test oracle) and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from spiceloop.measure import ac, tran

control = pytest.importorskip("control", reason="python-control is an optional test oracle")

F = np.logspace(0, 10, 2001)


def three_poles(gain: float, *poles_hz: float) -> tuple[object, np.ndarray]:
    s = control.tf("s")
    system = gain
    for pole in poles_hz:
        system = system / (1 + s / (2 * np.pi * pole))
    return system, np.asarray(control.frequency_response(system, 2 * np.pi * F).complex).ravel()


@pytest.mark.parametrize(
    ("gain", "poles"),
    [(1e4, (1e3, 1e7, 3e7)), (300.0, (1e5, 2e6, 5e8)), (30.0, (1e6, 1e6, 1e6))],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_margins(gain: float, poles: tuple[float, ...], sign: int) -> None:
    system, h = three_poles(gain, *poles)
    gm, pm, _, w_unity = control.margin(system)
    assert ac.unity_gain_frequency(F, sign * h) == pytest.approx(w_unity / 2 / np.pi, rel=1e-4)
    assert ac.phase_margin(F, sign * h) == pytest.approx(pm, abs=0.01)
    assert ac.gain_margin(F, sign * h) == pytest.approx(20 * np.log10(gm), abs=0.01)
    assert ac.gain_db(h) == pytest.approx(20 * np.log10(gain), abs=1e-3)


def test_bandwidth() -> None:
    system, h = three_poles(50.0, 2e4, 9e4)
    # control.bandwidth uses −3 dB rounded; ours is half power unless told.
    assert ac.bandwidth(F, h, 3.0) == pytest.approx(
        control.bandwidth(system, -3.0) / 2 / np.pi, rel=1e-4
    )


def test_one_pole_has_its_bandwidth_at_the_pole_by_any_rule() -> None:
    h = 7 / (1 + 1j * F / 1e6)
    assert ac.bandwidth(F, h) == pytest.approx(1e6, rel=1e-5)
    assert ac.flat_bandwidth(F, h) == pytest.approx(1e6, rel=1e-5)  # −3 dB and 45° together


def test_feedthrough_ends_the_flat_band_though_the_magnitude_never_falls() -> None:
    h = (1 - 1j * F / 1e6) / (1 + 1j * F / 1e6)  # all-pass: phase only
    assert np.isnan(ac.bandwidth(F, h))
    assert ac.flat_bandwidth(F, h) == pytest.approx(1e6 * np.tan(np.pi / 8), rel=1e-4)


def test_what_the_sweep_does_not_reach_is_nan() -> None:
    h = np.full(F.size, 0.5 + 0j)
    assert np.isnan(ac.unity_gain_frequency(F, h))
    assert np.isnan(ac.phase_margin(F, h))
    assert np.isnan(ac.gain_margin(F, h))
    assert np.isnan(ac.flat_bandwidth(F, h))


@pytest.mark.parametrize("zeta", [0.2, 0.5, 0.8])
def test_second_order_step(zeta: float) -> None:
    s = control.tf("s")
    t = np.linspace(0, 60, 6001)
    _, v = control.step_response(1 / (s**2 + 2 * zeta * s + 1), t)
    info = control.step_info(v, t, SettlingTimeThreshold=0.01, RiseTimeLimits=(0.1, 0.9))
    assert tran.overshoot(v) == pytest.approx(
        np.exp(-np.pi * zeta / np.sqrt(1 - zeta**2)), rel=1e-3
    )
    assert tran.rise_time(t, v) == pytest.approx(info["RiseTime"], abs=0.02)
    assert tran.settling_time(t, v) == pytest.approx(info["SettlingTime"], abs=0.02)
