from __future__ import annotations

import pytest

from spiceloop.sim.vector_names import is_asked, spellings


@pytest.mark.parametrize(
    ("name", "other"), [("out", "v(out)"), ("v(x1.a)", "x1.a"), ("vdd#branch", "i(vdd)")]
)
def test_the_other_name_and_back(name: str, other: str) -> None:
    assert spellings(name) == (other,)
    assert spellings(other) == (name,)


@pytest.mark.parametrize(
    ("name", "wanted", "asked"),
    [
        ("Out", {"out"}, True),
        ("out", {"v(out)"}, True),
        ("vdd#branch", {"i(vdd)"}, True),
        ("anything", {"*"}, True),
        ("out2", {"out"}, False),
        ("out", set(), False),
    ],
)
def test_asked(name: str, wanted: set[str], asked: bool) -> None:
    assert is_asked(name, frozenset(wanted)) is asked
