"""What a user sees of typical mistakes: always words, and the very words of docs/messages.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mistakes import MISTAKES, NMOS, Mistake, provoke
from spiceloop.cli.app import main

pytestmark = pytest.mark.ngspice

PAGE = (Path(__file__).parents[3] / "docs" / "messages.md").read_text()
SHOWN = dict(re.findall(r"^### (.*?)\n.*?^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def test_the_page_shows_mistakes_that_are_tried_here():
    assert len(SHOWN) >= 12
    assert SHOWN.keys() <= {m.title for m in MISTAKES}


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(m, id=m.title, marks=[pytest.mark.pdk] if m.base is NMOS else [])
        for m in MISTAKES
    ],
)
def test_a_mistake_is_told_in_words(mistake: Mistake):
    code, said = provoke(mistake, main)
    assert code == mistake.code, said
    assert "Traceback" not in said
    assert "fault of spiceloop" not in said
    if mistake.title in SHOWN:
        command, _, shown = SHOWN[mistake.title].partition("\n")
        assert command == f"$ spiceloop {mistake.words}"
        assert said == shown.strip()
