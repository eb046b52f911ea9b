"""SPICE numbers: exact decimal scaling, and what is written can be read."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiceloop.errors import UnitError
from spiceloop.units import format_si, parse_spice

SCALE = {
    "t": 12, "g": 9, "meg": 6, "k": 3, "m": -3, "u": -6, "µ": -6, "n": -9, "p": -12, "f": -15, "": 0
}  # fmt: skip


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6),
    st.sampled_from(sorted(SCALE)),
    st.sampled_from(["", "V", "Hz", "Ohm", "s"]),
)
def test_scaling_is_exact(mantissa, suffix, unit):
    text = f"{mantissa:f}{suffix}{unit}"
    assert parse_spice(text) == float(Decimal(f"{mantissa:f}").scaleb(SCALE[suffix]))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_plain_float_comes_back_unchanged(value):
    assert parse_spice(repr(value)) == value


@given(
    st.floats(min_value=1e-14, max_value=9.9e14) | st.floats(min_value=-9.9e14, max_value=-1e-14),
    st.sampled_from(["", "V", "s", "Hz", "Ω"]),  # 1 m would be read as a milli
    st.integers(2, 12),
)
def test_what_is_written_can_be_read_except_mega(value, unit, digits):
    text = format_si(value, unit, digits)
    if "M" in text:
        with pytest.raises(UnitError, match="ambiguous"):
            parse_spice(text)
    else:
        assert parse_spice(text) == pytest.approx(value, rel=10.0 ** (1 - digits))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(UnitError):
        assert isinstance(parse_spice(text), float)
