import pytest

from spiceloop.errors import UnitError
from spiceloop.units import format_si, parse_duration, parse_spice


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4u", 4e-6),
        ("0.1u", 0.1e-6),
        ("1meg", 1e6),
        ("1MEG", 1e6),
        ("1Megohm", 1e6),
        ("2.5e-9", 2.5e-9),
        ("5e-9", 5e-9),
        ("10pF", 10e-12),
        ("5 nm", 5e-9),
        ("5µm", 5e-6),
        ("5 μm", 5e-6),
        ("10 s", 10.0),
        ("1.8V", 1.8),
        ("-.5k", -500.0),
        ("1e3k", 1e6),
        ("100 V/us", 100.0),
        ("50 %", 50.0),
        ("1mil", 25.4e-6),
        ("3t", 3e12),
        ("3g", 3e9),
        ("3f", 3e-15),
        (7, 7.0),
        (0.25, 0.25),
    ],
)
def test_reads(text, value):
    assert parse_spice(text) == value


@pytest.mark.parametrize("text", ["1M", "1MHz", "1 MOhm", "2.5Mohm", "1Ms"])
def test_a_capital_m_is_refused_with_both_ways_out(text):
    with pytest.raises(UnitError, match=r"reads M as milli; write [0-9.]+meg for mega or [0-9.]+m"):
        parse_spice(text)


@pytest.mark.parametrize("text", ["", "u", "4x7", "4k7", "1,5", "--1", "1e999", "1 2", "1k5", "٣u"])
def test_refuses(text):
    with pytest.raises(UnitError):
        parse_spice(text)


def test_atto_is_ambiguous_between_versions():
    with pytest.raises(UnitError, match="ngspice 39 ignores the a, later versions read atto"):
        parse_spice("3a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 F", "SPICE reads F as femto; write 1 for a plain number or 1f for femto"),
        ("300 K", "SPICE reads K as kilo; write 300 for a plain number or 300k for kilo"),
        ("2min", "SPICE reads min as milli; write 2 for a plain number or 2m for milli"),
        ("2 minutes", "SPICE reads minutes as milli"),
    ],
)
def test_a_unit_that_is_a_suffix_is_refused(text, said):
    with pytest.raises(UnitError) as caught:
        parse_spice(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10K", 1e4), ("1F", 1e-15), ("2 kohm", 2e3), ("1 fF", 1e-15), ("5 m", 5e-3)],
)
def test_a_suffix_where_spice_has_it_is_one(text, value):
    assert parse_spice(text) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", (90.0, False)), ("20 s", (20.0, True)), ("2min", (120.0, True)),
     ("1.5 h", (5400.0, True)), ("500 ms", (0.5, True)), ("1e3", (1000.0, False)),
     (" 2 MIN ", (120.0, True))],
)  # fmt: skip
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2 m", "1 day", "-3s", "1 2", "s", "nan", "2 minutes"])
def test_what_is_no_duration(text):
    with pytest.raises(UnitError, match=r"as a time; expected e\.g\. 60s, 2min or 1h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4e-6, "m", "4 µm"),
        (1e6, "Hz", "1 MHz"),
        (0.155e-6, "m", "155 nm"),
        (1.23456, "V", "1.235 V"),
        (0.0, "V", "0 V"),
        (-2.5e-9, "A", "-2.5 nA"),
        (12.345678, "%", "12.35 %"),
        (27.0, "°C", "27 °C"),
        (4e-6, "", "4µ"),
        (0.5, "µm", "0.5 µm"),
        (1250.0, "mV", "1250 mV"),
        (0.02, "kHz/V", "0.02 kHz/V"),
        (0.002, "m", "2 mm"),
        (5e-3, "mol", "5 mmol"),
        (1e30, "Hz", "1e30 Hz"),
        (512.5e-12, "m^2", "512.5 µm^2"),
        (2e-6, "m²", "2 mm²"),
        (999e-6, "m²", "999 mm²"),
        (1.5, "m²", "1.5 m²"),
        (-3e-18, "V²/Hz", "-3 nV²/Hz"),
        (0.0, "m²", "0 m²"),
        (1e-60, "m²", "1e-30 fm²"),
        (7e-27, "m³", "7 nm³"),
        (float("nan"), "V", "nan V"),
    ],
)
def test_writes(value, unit, text):
    assert format_si(value, unit) == text


def test_digits():
    assert format_si(1.23456789, "V", digits=6) == "1.23457 V"
