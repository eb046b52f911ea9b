"""Netlists: values come back as they were given, and no text whatever breaks the reader."""

import string
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DeckError

names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda n: n != "temperature")
values = st.floats(allow_nan=False, allow_infinity=False)
defaults = st.sampled_from(["1", "4u", "{2*3}", "'a+1'", "1 + 2", "-3e-9", '"7"', "{x==1?2:3}"])
gaps = st.sampled_from([" ", "\n+ ", "\n.param ", "\n* note\n+ ", " ; note\n.PARAM "])
equals = st.sampled_from(["=", " = ", "= ", " ="])


def load(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deck.sp"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Netlist.load(path)


@given(
    st.dictionaries(names, st.tuples(defaults, values), min_size=1, max_size=6),
    gaps,
    equals,
    st.data(),
)
def test_rendered_values_are_read_back_exactly(params, gap, sign, data):
    cards = gap.join(f"{n}{sign}{default}" for n, (default, _) in params.items())
    netlist = load(f"title\n.param {cards}\nr1 1 0 1\n.end\n")
    assert dict(netlist.parameters) == {n: d.strip() for n, (d, _) in params.items()}
    chosen = data.draw(st.sets(st.sampled_from(sorted(params))))
    rendered = load(netlist.render({n: params[n][1] for n in chosen}, name="x").text)
    for name, (default, value) in params.items():
        if name in chosen:
            assert float(rendered.parameters[name]) == value
        else:
            assert rendered.parameters[name] == default


LINES = st.sampled_from(
    [
        ".control", ".endc", ".param a=1", "+ b=2", "* c", "*#op", "shell x", ".subckt s a",
        ".ends", ".include x", ".lib x y", ".lib", "r1 1 0 1", "$ x", "`", "set x=$y",
        "write", "write $x", "\\\\", "+", "@", ".param", ".param f(x)=1", ".param =", "alias",
        "alias a", ".meas", "let",
        "echo >", "print", ".temp", ".options", "é", "\x1c.control", ".param a=((", "'", '"',
    ]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(LINES | st.text(string.printable, max_size=12), max_size=20).map("\n".join)
    | st.binary(max_size=200)
)
def test_any_text_is_read_or_refused(text):
    try:
        netlist = load(text)
    except DeckError:
        return
    assert list(netlist.measures) is not None
    deck = netlist.render({}, name="x", conditions={"temperature": 27.0})
    assert deck.text.endswith("\n")
    assert len(netlist.libraries) <= len(netlist.cards)
