"""How ngspice itself reads suffixes: the ground for `parse_spice` and the deck warnings."""

import re
import subprocess

import pytest

from spiceloop.errors import UnitError
from spiceloop.units import parse_spice

pytestmark = pytest.mark.ngspice

SUFFIXES = [
    "t", "g", "meg", "k", "m", "u", "n", "p", "f", "T", "G", "MEG", "Meg", "K", "U", "N", "P", "F",
    "kOhm", "megohm", "megHz", "mV", "mm", "msec", "nm", "pF", "uF", "V", "s", "Hz", "ohm", "mil",
]  # fmt: skip


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Suffix → what ngspice reads ``3<suffix>`` as, in an element, in ``let`` and in ``.param``."""
    both = [*SUFFIXES, "M", "MHz", "a"]
    lines = ["suffixes", "v1 1 0 1"]
    for k, suffix in enumerate(both):
        lines += [f".param p{k}=3{suffix}", f"r{k} 1 0 3{suffix}", f"b{k} b{k} 0 v={{p{k}}}"]
    lines += ["rmicro 1 0 3µ", "rgreek 1 0 3μ", "rkm 1 0 4k7"]
    lines += [".control", "set numdgt=17", "op"]
    for k, suffix in enumerate(both):
        lines += [f"let l{k} = 3{suffix}", f"print l{k}", f"print @r{k}[resistance] v(b{k})"]
    lines += ["print @rmicro[resistance] @rgreek[resistance] @rkm[resistance]", ".endc", ".end"]
    deck = tmp_path_factory.mktemp("suffixes") / "deck.sp"
    deck.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(["ngspice", "-b", str(deck)], capture_output=True, text=True, timeout=60)
    values = dict(re.findall(r"^(\S+) = (\S+)", done.stdout, re.MULTILINE))
    found = {
        s: tuple(float(values[n]) for n in (f"@r{k}[resistance]", f"l{k}", f"v(b{k})"))
        for k, s in enumerate(both)
    }
    for name in ("micro", "greek", "km"):
        found[name] = (float(values[f"@r{name}[resistance]"]),)
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_parse_spice_reads_what_ngspice_reads(seen, suffix):
    element, let, param = seen[suffix]
    assert parse_spice(f"3{suffix}") == pytest.approx(element, rel=1e-14)
    assert parse_spice(f"3{suffix}") == pytest.approx(let, rel=1e-14)
    if suffix != "mil":  # numparam reads milli there, of which the linter warns
        assert parse_spice(f"3{suffix}") == pytest.approx(param, rel=1e-14)


def test_the_warned_of_suffixes_are_indeed_traps(seen):
    assert seen["M"] == pytest.approx((3e-3,) * 3)
    assert seen["MHz"] == pytest.approx((3e-3,) * 3)
    assert seen["mil"][2] == pytest.approx(3e-3)
    assert seen["greek"] == (3.0,)
    assert seen["km"] == (4e3,)


def test_the_micro_sign_is_micro_in_an_element(seen):
    assert parse_spice("3µ") == pytest.approx(seen["micro"][0])


def test_atto_depends_on_the_version_so_it_is_refused(seen):
    assert any(seen["a"][0] == pytest.approx(v, rel=1e-9, abs=0) for v in (3.0, 3e-18))
    with pytest.raises(UnitError):
        parse_spice("3a")
