"""Parameter values and temperature: what ngspice computes with a rendered deck."""

import re
import subprocess

import pytest

from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DeckError

pytestmark = pytest.mark.ngspice


def run(tmp_path, text):
    path = tmp_path / "rendered.sp"
    path.write_text(text)
    done = subprocess.run(
        ["ngspice", "-b", str(path)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {n.lower(): float(v) for n, v in re.findall(r"^(\S+) = (\S+)", done.stdout, re.M)}


PARAMS = [
    ".param a=1 b=2",
    ".PARAM A=1 B=2",
    ".param a = 1\n+ b = 2",
    ".param a=1 ; first\n* comment\n+ b=2 $ second",
    ".param\n+ a=1\n\n+ b=2",
    ".param a='3*2' b={a+1}",
    ".param a=2*b b=4",
    ".param a = 1 + 2 b = 3",
    ".param b=3 a=b==3?7:8",
    ".param b=3 a={b>=3?7:8}",
    ".param f(x)={x*2} a={f(4)} b=1",
    ".params a=1 b=2",
    ".param a=1 b=2\n.param a=5",
    ".param a=1 a=4 b=2",
    ".param a=1 \\\\\nb=2",
    ".if (1==0)\n.param a=1\n.else\n.param a=2\n.endif\n.param b=1",
    ".param a=1 b=2\n.subckt s x\n.param a=5\nr9 x 0 {a}\n.ends\nx1 1 s",
]


@pytest.mark.parametrize("cards", PARAMS)
def test_overriding_gives_exactly_the_values(tmp_path, cards):
    path = tmp_path / "deck.sp"
    path.write_text(
        f"title\n{cards}\nr1 1 0 {{a}}\nr2 1 0 {{b}}\nv1 1 0 1\n.control\nset numdgt=15\nop\n"
        "print @r1[resistance] @r2[resistance]\nquit\n.endc\n.end\n"
    )
    netlist = Netlist.load(path)
    assert {n.lower() for n in netlist.parameters} == {"a", "b"}
    before = run(tmp_path, path.read_text())
    assert run(tmp_path, netlist.render({}, name="x").text) == before
    both = run(tmp_path, netlist.render({"a": 1.2345678901234567e-3, "B": 4e-6}, name="x").text)
    assert both["@r1[resistance]"] == pytest.approx(1.2345678901234567e-3, rel=1e-14)
    assert both["@r2[resistance]"] == pytest.approx(4e-6, rel=1e-14)


def test_only_the_named_one_changes(tmp_path):
    path = tmp_path / "deck.sp"
    path.write_text(
        "title\n.param a=1 b={2*a}\nr1 1 0 {a}\nr2 1 0 {b}\nv1 1 0 1\n.control\nop\n"
        "print @r1[resistance] @r2[resistance]\nquit\n.endc\n.end\n"
    )
    found = run(tmp_path, Netlist.load(path).render({"a": 10.0}, name="x").text)
    assert found == {"@r1[resistance]": 10.0, "@r2[resistance]": 20.0}


@pytest.mark.parametrize(
    "cards",
    [
        "",
        ".temp 37",
        ".TEMP=37",
        ".options temp=47",
        ".options temp=47\n.temp 37",
        ".option reltol=1e-4\n+ temp=47",
        ".param temperature=55\n.temp {temperature}",
    ],
)
def test_the_condition_temperature_wins(tmp_path, cards):
    path = tmp_path / "deck.sp"
    path.write_text(
        f"title\n{cards}\nr1 1 0 1 tc1=1e-2\nv1 1 0 1\n"
        ".control\nop\nprint -1/i(v1)\nquit\n.endc\n.end\n"
    )
    deck = Netlist.load(path).render({}, name="x", conditions={"temperature": 127.0})
    assert run(tmp_path, deck.text)["-1/i(v1)"] == pytest.approx(2.0)


def test_a_parameter_file_is_written_in(tmp_path):
    path = tmp_path / "deck.sp"
    path.write_text(
        "title\n.include 'design_var.inc'\n.param twice={2*w1}\nr1 1 0 {w1}\nr2 1 0 r={twice}\n"
        "v1 1 0 1\n.control\nop\nprint @r1[resistance] @r2[resistance]\nquit\n.endc\n.end\n"
    )
    with pytest.raises(DeckError, match=r"deck\.sp:2: cannot find the include file"):
        Netlist.load(path)
    netlist = Netlist.load(path, parameter_file="design_var.inc")
    assert dict(netlist.parameters) == {"twice": "{2*w1}", "w1": ""}
    found = run(tmp_path, netlist.render({"w1": 3.0}, name="x").text)
    assert found == {"@r1[resistance]": 3.0, "@r2[resistance]": 6.0}
    with pytest.raises(DeckError, match="'w2'"):
        netlist.render({"w2": 3.0}, name="x")
    # One left over from another tool's run gives the defaults.
    (tmp_path / "design_var.inc").write_text(".param w1=7\n")
    netlist = Netlist.load(path, parameter_file="design_var.inc")
    assert netlist.parameters["w1"] == "7"
    assert run(tmp_path, netlist.render({}, name="x").text)["@r1[resistance]"] == 7.0
    assert run(tmp_path, netlist.render({"w1": 3.0}, name="x").text)["@r1[resistance]"] == 3.0
