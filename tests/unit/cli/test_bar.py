"""Progress of work of known size, on a terminal and without one."""

from __future__ import annotations

import io
import sys

import pytest

from spiceloop.cli.bar import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        for done in range(0, 101, 5):
            bar("decoding", done, 100)
        bar("unpacking", 1, 0)
        bar("unpacking", 2, 0)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "decoding …",
        "decoding: 25 %",
        "decoding: 50 %",
        "decoding: 75 %",
        "decoding: 100 %",
        "unpacking …",
    ]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Bar() as bar:
        bar("downloading", 10, 40)
        bar("downloading", 20, 40)
        bar._bar.refresh()  # type: ignore[union-attr]
        assert "downloading" in screen.getvalue()
        assert "50 %" in screen.getvalue()
        bar("unpacking", 3, 4)
        bar._bar.refresh()  # type: ignore[union-attr]
    assert "75 %" in screen.getvalue()
