"""Named numbers out of text and vectors."""

from __future__ import annotations

import math

import pytest

from spiceloop.sim.measures import Scalars, merge, normal_name, scalars_in_text, spellings


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("f3                  =  1.587800e+05", {"f3": 158780.0}),
        ("vmax                =  9.999546e-01 at=  1.000000e-05", {"vmax": 0.9999546}),
        ("tr =  2.2e-06 targ=  2.3e-06 trig=  1.0e-07", {"tr": 2.2e-6}),
        ("avg = 1.0e+00 from=  0.0e+00 to=  1.0e+00", {"avg": 1.0}),
        ("v(out) = 1.000000e+00", {"v(out)": 1.0}),
        ("V(A) - v(b) = -2.5", {"v(a)-v(b)": -2.5}),
        ("@m.x1.xm3.m1[vdsat] = 3.000000e-01", {"@m.x1.xm3.m1[vdsat]": 0.3}),
        ("vdd#branch = -4.50000e-05", {"vdd#branch": -4.5e-5}),
        ("f1 = 1.000000e+01,0.000000e+00", {"f1": 10.0}),
        ("cplx = 1.000000e+00,-6.28319e-05", {}),
        ("area=12.5", {"area": 12.5}),
        ("gain = 12.5 dB", {"gain": 12.5}),
        ("gain = 12.5dB pm = 60deg", {"gain": 12.5, "pm": 60.0}),
        ("gain = 12.5 dB pm = 60 deg", {"gain": 12.5, "pm": 60.0}),
        ("ugf = 12.5meg", {"ugf": 12.5e6}),
        ("ugf = 12.5kHz", {"ugf": 12.5e3}),
        ("cap = 1F", {}),
        ("ambiguous = 1M", {}),
        ("at = 3", {"at": 3.0}),
        ("Doing analysis at TEMP = 27.000000 and TNOM = 27.000000", {}),
        ("Index   frequency       v(out)", {}),
        ("0\t1.000000e+00\t1.000000e+00,\t-6.28319e-06", {}),
        ("title = RC filter", {}),
        ("= 3", {}),
        ("x = failed", {}),
        ("v(out) = (  0.000000e+00\t5.000000e-01\t)", {}),
    ],
)
def test_lines(line: str, expected: dict[str, float]) -> None:
    assert scalars_in_text([line]).values == pytest.approx(expected)


def test_nan_and_infinity_are_numbers_here() -> None:
    values = scalars_in_text(["a = nan", "b = -inf", "c = inf"]).values
    assert math.isnan(values["a"])
    assert values["b"] == -math.inf
    assert values["c"] == math.inf


def test_the_last_word_counts() -> None:
    found = scalars_in_text(["f = 1", "f = 2", "meas ac g when vdb(out)=-3 failed!"])
    assert found.values == {"f": 2.0}
    assert list(found.failed) == ["g"]
    again = scalars_in_text([".meas ac f when x=1 failed!", "f = 3"])
    assert (again.values, again.failed) == ({"f": 3.0}, {})


def test_merge_takes_digits_from_the_vector_that_agrees() -> None:
    text = Scalars({"x": 0.333333, "only": 2.0})
    plots = [{"x": complex(1 / 3)}, {"x": complex(0.5)}, {"y": 1 + 0j, "z": 1 + 2j}, {"y": 4 + 0j}]
    assert merge(text, plots, frozenset()) == {"x": 1 / 3, "only": 2.0, "y": 4.0}


def test_merge_leaves_out_what_failed_last() -> None:
    text = Scalars({}, {"f": "meas ac f failed!", "g": "failed"})
    assert merge(text, [{"f": 1 + 0j, "g": 2 + 0j}], frozenset({"g"})) == {"g": 2.0}


def test_names() -> None:
    assert normal_name(" V(a) -  v(B)") == "v(a)-v(b)"
    assert spellings("v(out)") == ("out",)
    assert spellings("out") == ("v(out)",)
    assert spellings("i(vdd)") == ("vdd#branch",)
    assert spellings("vdd#branch") == ("i(vdd)",)
