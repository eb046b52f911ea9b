"""Names and texts that reach ngspice from outside the deck's commands do nothing there."""

import contextlib

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DeckError, SimulationError
from spiceloop.sim import make_simulator, rundir

pytestmark = pytest.mark.ngspice
TEXT = "t\nr1 1 0 1\nv1 1 0 dc 1\n.control\nop\n{body}\nprint v(1)\n.endc\n.end\n"


def run(kind, deck, **options):
    """Run with everything allowed: what does nothing then does nothing ever."""
    simulator = make_simulator(kind)
    try:
        with contextlib.suppress(SimulationError):
            simulator.run(deck, timeout=20, **options)
    finally:
        simulator.close()


@pytest.mark.parametrize("kind", ["ngspice-lib", "ngspice-batch"])
def test_a_folders_name_is_not_run(kind, tmp_path, monkeypatch):
    home = tmp_path / "`cd $pwned_home; touch pwned`"
    home.mkdir()
    monkeypatch.setenv("pwned_home", str(tmp_path))
    deck = Deck(TEXT.format(body="echo hi"), home=home, trusted=True)
    with pytest.raises(DeckError, match="rename it"):
        run(kind, deck)
    assert not (tmp_path / "pwned").exists()
    monkeypatch.setattr(rundir, "_written", lambda home: (home, ""))  # as if it were harmless
    run(kind, deck)
    assert (tmp_path / "pwned").exists(), "this name is harmless by itself now"


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_a_line_feed_begins_a_command(mark, tmp_path):
    file = tmp_path / "deck.sp"
    text = f"* a{mark}shell touch {tmp_path}/x"
    file.write_bytes(TEXT.format(body=text).encode())
    run("ngspice-lib", Netlist.load(file).render({}, name="t"))
    run("ngspice-lib", Deck(TEXT.format(body=text), home=tmp_path, trusted=True))
    assert not (tmp_path / "x").exists()
    run("ngspice-lib", Deck(TEXT.format(body=text.replace(mark, "\n")), trusted=True))
    assert (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["ngspice-lib", "ngspice-batch"])
def test_a_measures_name_is_no_command(kind, tmp_path):
    measure = f"@r1[i] > {tmp_path}/x"
    run(kind, Deck(TEXT.format(body="echo"), trusted=True), measures=[measure])
    assert not (tmp_path / "x").exists()
    run(kind, Deck(TEXT.format(body=f"print {measure}"), trusted=True))
    assert (tmp_path / "x").exists()


def test_a_librarys_path_is_not_read_as_lines(tmp_path):
    folder = tmp_path / "a\n.control\nshell touch x\n.endc\n"
    folder.mkdir()
    (folder / "m.lib").write_text(".lib tt\nr9 1 0 1\n.endl\n")
    (tmp_path / "link").symlink_to(folder)
    file = tmp_path / "deck.sp"
    file.write_text("t\nv1 1 0 1\n.lib 'link/m.lib' tt\n.op\n.end\n")
    with pytest.raises(DeckError, match="control character"):
        Netlist.load(file).render({}, name="t")
