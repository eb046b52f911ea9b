"""Corners in a problem file: which there are, what they are called, and what is a mistake."""

from __future__ import annotations

import itertools

import pytest

from spiceloop.errors import ProblemError
from spiceloop.spec.corners import Corner
from spiceloop.spec.load import load_problem

FILE = """\
name: amp
{pdk}
testbenches:
  main: {{deck: tb.spice{own}}}
conditions: {conditions}
{corners}
parameters:
  w1: {{minimum: 1u, maximum: 50u}}
metrics:
  gain: {{goal: maximize}}
"""


def problem(folder, conditions="{}", corners="", pdk="", own=""):
    path = folder / "problem.yaml"
    path.write_text(
        FILE.format(pdk=pdk, own=own, conditions=conditions, corners=corners), encoding="utf-8"
    )
    return load_problem(path)


def mistakes(folder, **parts):
    with pytest.raises(ProblemError) as caught:
        problem(folder, **parts)
    return [m.partition(": ")[2] for m in caught.value.mistakes]


def test_a_file_without_any_has_the_typical_one(tmp_path):
    found = problem(tmp_path, "{vdd: 1.8}", pdk="pdk: {name: sky130, corner: ss}").corners
    assert found == (Corner("typical", "ss", {"vdd": 1.8}),)


def test_the_product_with_the_typical_corner_first(tmp_path):
    found = problem(
        tmp_path,
        "{corner: {enumerate: [ss, tt, ff]}, vdd: {minimum: 1.62, typical: 1.8},"
        " temperature: {typical: 27, maximum: 125}, cl: 2p}",
        pdk="pdk: sky130",
    ).corners
    assert len(found) == 12
    assert found[0] == Corner("tt/vdd=1.8/27C", "tt", {"vdd": 1.8, "temperature": 27, "cl": 2e-12})
    assert {(c.process, c.conditions["vdd"], c.conditions["temperature"]) for c in found} == set(
        itertools.product(["ss", "tt", "ff"], [1.62, 1.8], [27, 125])
    )
    assert found[-1].name == "ff/vdd=1.62/125C"
    assert all(c.conditions["cl"] == 2e-12 for c in found)


@pytest.mark.parametrize(
    ("condition", "pdk", "first"),
    [
        ("{enumerate: [ss, ff]}", "pdk: sky130", "ss"),  # tt is only the default, and not listed
        ("{enumerate: [ss, TT]}", "pdk: sky130", "tt"),
        ("{enumerate: [ss, tt], typical: ss}", "pdk: sky130", "ss"),
        ("{enumerate: [tt, ff]}", "pdk: {name: sky130, corner: ff}", "ff"),
        ("fs", "pdk: sky130", "fs"),
    ],
)
def test_which_process_is_typical(tmp_path, condition, pdk, first):
    assert problem(tmp_path, f"{{corner: {condition}}}", pdk=pdk).corners[0].process == first


def test_an_enumeration_of_numbers(tmp_path):
    conditions = "{ib: {enumerate: [1u, 2u, 5u], typical: 2u}}"
    assert [c.name for c in problem(tmp_path, conditions).corners] == ["ib=2u", "ib=1u", "ib=5u"]


def test_a_list_takes_the_place_of_the_product(tmp_path):
    found = problem(
        tmp_path,
        "{vdd: {minimum: 1.62, typical: 1.8}, temperature: 27}",
        corners="corners:\n  - {name: slow, corner: ss, vdd: 1.62, temperature: 125}\n"
        "  - {corner: ff, temperature: -40}\n  - {vdd: 1.8}",
        pdk="pdk: sky130",
    ).corners
    assert found == (
        Corner("tt/vdd=1.8/27C", "tt", {"vdd": 1.8, "temperature": 27}),
        Corner("slow", "ss", {"vdd": 1.62, "temperature": 125}),
        Corner("ff/vdd=1.8/-40C", "ff", {"vdd": 1.8, "temperature": -40}),
    )


def test_the_list_may_name_the_typical_corner(tmp_path):
    found = problem(
        tmp_path, "{vdd: 1.8}", corners="corners:\n  - {vdd: 1.6}\n  - {name: usual, vdd: 1.8}"
    ).corners
    assert [c.name for c in found] == ["usual", "vdd=1.6"]


def test_a_param_called_corner_is_a_number(tmp_path):
    found = problem(tmp_path, "{corner: {enumerate: [0, 1]}}", pdk="pdk: sky130").corners
    assert [(c.name, c.process, c.conditions) for c in found] == [
        ("corner=0", "tt", {"corner": 0.0}),
        ("corner=1", "tt", {"corner": 1.0}),
    ]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"conditions": "{vdd: {minimum: 1, maximum: 2}}"},
         "conditions.vdd: expected a typical value besides minimum and maximum"),
        ({"conditions": "{vdd: {typical: 2}}"},
         "conditions.vdd: expected minimum or maximum besides typical; or write the number"),
        ({"conditions": "{vdd: {minimum: 3, typical: 2}}"},
         "conditions.vdd: expected minimum ≤ typical ≤ maximum"),
        ({"conditions": "{vdd: {enumerate: []}}"},
         "conditions.vdd.enumerate: is empty; give at least one"),
        ({"conditions": "{vdd: {enumerate: [1, 1.0]}}"},
         "conditions.vdd: enumerate names a value twice"),
        ({"conditions": "{vdd: {enumerate: [1, 2], maximum: 3}}"},
         "conditions.vdd: expected enumerate, or minimum, typical and maximum; not both"),
        ({"conditions": "{vdd: {enumerate: [1, 2], typical: 3}}"},
         "conditions.vdd: typical 3.0 is not one of those enumerated"),
        ({"conditions": "{vdd: [1, 2]}"},
         "conditions.vdd: expected a number, {minimum, typical, maximum} or {enumerate: […]}, "
         "got a list"),
        ({"conditions": "{vdd: {minimun: 1, typical: 2}}"},
         "conditions.vdd.minimun: unknown key (did you mean 'minimum'?)"),
        ({"conditions": "{vdd: {minimum: 1M, typical: 2}}"}, "conditions.vdd: '1M' is ambiguous"),
        ({"conditions": "{vdd: 1M}"}, "conditions.vdd: '1M' is ambiguous"),
        ({"conditions": "{vdd: high}"}, "conditions.vdd: cannot read 'high' as a number"),
        ({"conditions": "{corner: {enumerate: [tt, ss]}}"},
         "conditions.corner: process corners are sections of a PDK's library; add e.g. pdk: "
         "sky130"),
        ({"conditions": "{corner: {enumerate: [tt, 3]}}", "pdk": "pdk: sky130"},
         "conditions.corner: expected names of process corners only, or numbers only"),
        ({"conditions": "{corner: {enumerate: [ss, ff]}}",
          "pdk": "pdk: {name: sky130, corner: tt}"},
         "pdk.corner: 'tt' is not one of conditions.corner (ss, ff)"),
        ({"conditions": "{vdd: 1.8}", "corners": "corners: [{vd: 1.6}]"},
         "corners.0.vd: no condition 'vd' (did you mean 'vdd'?); give its typical value under "
         "conditions: too"),
        ({"conditions": "{vdd: 1.8}", "corners": "corners: [{name: a b, vdd: 1.6}]"},
         "corners.0.name: 'a b' is no name; letters, digits and _ . + = / - only"),
        ({"conditions": "{vdd: 1.8}", "corners": "corners: [{vdd: low}]"},
         "corners.0.vdd: cannot read 'low' as a number"),
        ({"conditions": "{vdd: 1.8}",
          "corners": "corners: [{name: a, vdd: 1.6}, {name: a, vdd: 1.7}]"},
         "corners: two corners are called 'a'"),
        ({"conditions": "{vdd: 1.8}",
          "corners": "corners: [{name: a/b, vdd: 1.6}, {name: A_b, vdd: 1.7}]"},
         "corners: 'a/b' and 'A_b' are the same as names of files; rename one"),
        ({"own": ", conditions: {corner: ss}"},
         "testbenches.main.conditions.corner: process corners are sections of a PDK's library"),
        ({"own": ", conditions: {vdd: {typical: 1}}"},
         "testbenches.main.conditions.vdd: expected a number, got a mapping"),
        ({"conditions": "{a: &r {enumerate: [1,2,3,4,5,6,7,8,9,10,11]}, b: *r, c: *r}"},
         "conditions: they make 1331 corners; expected at most 1000"),
    ],
)  # fmt: skip
def test_mistakes_name_the_place_and_what_was_expected(tmp_path, parts, said):
    found = mistakes(tmp_path, **parts)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_names_may_stand_in_a_path():
    assert Corner("ss/vdd=1.62/-40C").file_name == "ss_vdd=1.62_-40C"
    assert "/" not in Corner("../../x").file_name
    assert not Corner("..").file_name.startswith(".")
