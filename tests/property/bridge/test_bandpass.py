"""Whatever the bounds allow is measured, wherever it falls between the samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiceloop.bridge.bandpass import measure_bandpass


@given(
    f0=st.floats(50.0, 7500.0),
    q=st.floats(0.5, 16.0),
    gain=st.floats(1e-3, 1e3),
    first=st.floats(5.0, 6.0),
)
def test_measured_figures_are_the_resonance_s_own(f0, q, gain, first):
    f = np.exp(np.arange(np.log(first), np.log(40e3), np.log(10) / 185))
    seen = measure_bandpass(f, gain / (1 + 1j * q * (f / f0 - f0 / f)))
    assert seen.f0 == pytest.approx(f0, rel=1e-4)
    assert seen.q == pytest.approx(q, rel=1e-4)
    assert seen.gain == pytest.approx(gain, rel=1e-4)
