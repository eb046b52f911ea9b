"""Includes: our expansion against ngspice's own, on the same files."""

import contextlib
import os
import re
import subprocess

import pytest

from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DeckError
from spiceloop.sim import make_simulator

pytestmark = pytest.mark.ngspice

TAIL = "r1 1 0 {who}\nv1 1 0 1\n.control\nop\nprint @r1[resistance]\n.endc\n.end\n"


def run(path, cwd, **environment):
    done = subprocess.run(
        ["ngspice", "-b", str(path)],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env={**os.environ, **environment},
    )
    found = re.search(r"resistance\] = (\S+)", done.stdout)
    return float(found.group(1)) if found else None


@pytest.fixture
def tree(tmp_path):
    """The top deck's folder ``main``, and others with files that say where they stand."""
    for name in ("main", "main/sub", "sub", "home", "input"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "main/part.inc").write_text(".param who=1\n")
    (tmp_path / "sub/part.inc").write_text(".param who=2\n")
    (tmp_path / "home/part.inc").write_text(".param who=3\n")
    (tmp_path / "sub/with space.inc").write_text(".param who=4\n")
    (tmp_path / "sub/nested.inc").write_text(".include part.inc\n")
    (tmp_path / "sub/local.inc").write_text(".param who=5\n")
    (tmp_path / "sub/to_local.inc").write_text(".include local.inc\n")
    (tmp_path / "sub/stop.inc").write_text(".param who=6\n@ the end\n.param who=7\n")
    (tmp_path / "sub/plus.inc").write_text("* a comment\n+ who=8\n")
    (tmp_path / "sub/crlf.inc").write_bytes(b".param who=9\r\n")
    (tmp_path / "sub/end.inc").write_text(".param who=9\n.end\n.param who=10\n")
    (tmp_path / "input/library.inc").write_text(".param who=11\n")
    return tmp_path


CASES = {
    "plain": (".include part.inc", 1),
    "short, upper case": (".INC part.inc", 1),
    "odd spelling": (".includexyz part.inc", 1),
    "indented": ("   .include part.inc", 1),
    "double quotes": ('.include "../sub/with space.inc"', 4),
    "single quotes, comment": (".include '../sub/part.inc' ; why", 2),
    "dollar comment": (".include ../sub/part.inc $ why", 2),
    "home": (".include ~/part.inc", 3),
    "the top folder before the including file's": (".include ../sub/nested.inc", 1),
    "the including file's folder": (".include ../sub/to_local.inc", 5),
    "an at sign ends the file": (".include ../sub/stop.inc", 6),
    "continued in the included file": (".param x=1\n.include ../sub/plus.inc", 8),
    "carriage returns": (".include ../sub/crlf.inc", 9),
    "end in the included file": (".include ../sub/end.inc", 10),
    "end in the deck": (".param who=1\n  .END of it\n.param who=12", 12),
    "continued across an end": (".param x=1\n.end\n+ who=13", 13),
    "input folder": (".include library.inc", 11),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rendered_deck_is_what_ngspice_reads(tree, monkeypatch, case):
    card, who = CASES[case]
    environment = {"HOME": str(tree / "home"), "NGSPICE_INPUT_DIR": str(tree / "input")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = tree / "main/deck.sp"
    path.write_text(f"title\n{card}\n{TAIL}")
    netlist = Netlist.load(path)
    alone = tree / "alone.sp"
    alone.write_text(netlist.render({}, name="x").text)
    assert run(path, tree / "main", **environment) == who
    assert run(alone, tree) == who
    assert netlist.parameters["who"] == str(who)


@pytest.mark.parametrize(
    "card", [".include", ".include part.incx", ".include ../sub/with space.inc"]
)
def test_what_ngspice_cannot_include_is_an_error(tree, card):
    path = tree / "main/deck.sp"
    path.write_text(f"title\n{card}\n{TAIL}")
    assert run(path, tree / "main") is None
    with pytest.raises(DeckError, match=r"deck\.sp:2: "):
        Netlist.load(path)


def test_an_include_as_the_title_line_is_expanded_too(tree):
    path = tree / "main/deck.sp"
    path.write_text(f".include part.inc\n{TAIL}")
    alone = tree / "alone.sp"
    alone.write_text(Netlist.load(path).render({}, name="x").text)
    assert run(path, tree / "main") == run(alone, tree) == 1


def test_a_users_library_is_found_from_anywhere(tree):
    (tree / "main/lib").mkdir()
    (tree / "main/lib/r.lib").write_text("* lib\n.lib tt\n.param who=21\n.endl\n.lib ff\n.endl\n")
    path = tree / "main/deck.sp"
    path.write_text(f"title\n.lib 'lib/r.lib' TT ; corner\n{TAIL}")
    netlist = Netlist.load(path)
    alone = tree / "alone.sp"
    alone.write_text(netlist.render({}, name="x").text)
    assert run(path, tree / "main") == run(alone, tree) == 21
    (library,) = netlist.libraries
    assert (library.written, library.section) == ("lib/r.lib", "TT")
    assert library.path == (tree / "main/lib/r.lib").resolve()
    assert str(library.source).endswith("deck.sp:2")


@pytest.mark.parametrize("card", [".lib 'lib/r.lib' tt", ".lib lib//r.lib tt // corner", ".inc up"])
def test_a_folder_with_blanks_and_an_apostrophe_does_for_a_library(tmp_path, card):
    folder = tmp_path / "it's a deck"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/r.lib").write_text("* lib\n.lib tt\n.param who=21\n.endl\n.lib ff\n.endl\n")
    (folder / "up").write_text('.lib "lib/r.lib" tt\n')
    (folder / "deck.sp").write_text(f"title\n{card}\n{TAIL}")
    assert run(folder / "deck.sp", folder) == 21
    deck = Netlist.load(folder / "deck.sp").render({}, name="x")
    with contextlib.closing(make_simulator()) as sim:
        assert sim.run(deck).measures["@r1[resistance]"] == 21
