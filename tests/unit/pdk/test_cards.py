"""Physical lines joined to cards; tests/oracle/pdk/test_pdk_decks.py holds the same to ngspice."""

from __future__ import annotations

import pytest

from spiceloop.circuit.pdk.cards import logical_lines


@pytest.mark.parametrize(
    ("lines", "cards"),
    [
        (["r1 a b", "+ 1k", "r2 a b 2k"], ["r1 a b  1k", "r2 a b 2k"]),
        (["r1 a b \\\\", "1k"], ["r1 a b  1k"]),
        (["r1 a b", "\\\\", "1k"], ["r1 a b 1k"]),
        (["r1 a b", "* c", "", "+1k"], ["r1 a b 1k"]),
        (["\\\\", "r1 a b 1k"], ["r1 a b 1k"]),
        (["\\\\", "* c", "\\\\"], []),
        (["+ 1k"], []),
    ],
)
def test_continuations(lines: list[str], cards: list[str]) -> None:
    assert [text for _, _, text in logical_lines(lines)] == cards
