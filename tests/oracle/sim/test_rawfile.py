"""Our raw file reader against spicelib's, on files that ngspice wrote."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from spiceloop.sim.rawfile import read_raw

pytestmark = pytest.mark.ngspice

DECK = """raw test
v1 in 0 dc 1 ac 1 sin(0 1 1meg)
r1 in out 1k
c1 out 0 1n
.control
set filetype={form}
op
write op.raw
ac dec 5 1k 1meg
let short = vm(out)[0]
write ac.raw
tran 10n 2u
write tran.raw
set appendwrite
dc v1 0 1 0.25
write all.raw
noise v(out) v1 dec 2 1k 1meg
write all.raw
setplot noise1
write all.raw
quit
.endc
.end
"""


@pytest.fixture(scope="module", params=["binary", "ascii"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    (path / "deck.cir").write_text(DECK.replace("{form}", request.param))
    subprocess.run(["ngspice", "-b", "deck.cir"], cwd=path, check=True, capture_output=True)
    return path


@pytest.mark.parametrize("name", ["op", "tran", "ac"])
def test_equals_spicelib(folder: Path, name: str) -> None:
    spicelib = pytest.importorskip("spicelib")
    reference = spicelib.RawRead(str(folder / f"{name}.raw"), dialect="ngspice", verbose=False)
    (plot,) = read_raw(folder / f"{name}.raw")
    assert [v.name for v in plot.vectors] == [n.lower() for n in reference.get_trace_names()]
    for vector in plot.vectors:
        theirs = np.asarray(reference.get_trace(vector.name).get_wave())
        np.testing.assert_allclose(vector.values, theirs[: len(vector.values)], rtol=1e-12)


def test_several_plots_in_one_file(folder: Path) -> None:
    plots = read_raw(folder / "all.raw")
    assert [p.name for p in plots] == [
        "DC transfer characteristic", "Integrated Noise", "Noise Spectral Density Curves",
    ]  # fmt: skip
    sweep = plots[0].vectors[0]
    np.testing.assert_allclose(sweep.values, [0, 0.25, 0.5, 0.75, 1])
    assert plots[0].title == "raw test"


def test_complex_values_and_lengths(folder: Path) -> None:
    (plot,) = read_raw(folder / "ac.raw")
    values = {v.name: v.values for v in plot.vectors}
    f = values["frequency"].real
    np.testing.assert_allclose(values["v(out)"], 1 / (1 + 2j * np.pi * f * 1e-6), rtol=1e-6)
    assert len(f) == 16


@pytest.mark.parametrize("cut", [10, 200, 500])
def test_a_file_cut_short(folder: Path, tmp_path: Path, cut: int) -> None:
    data = (folder / "tran.raw").read_bytes()
    (tmp_path / "cut.raw").write_bytes(data[:cut])
    with pytest.raises(ValueError, match=r"cut\.raw"):
        read_raw(tmp_path / "cut.raw")
