"""A deck compiled from what was read of an earlier design is the deck read anew, to the letter."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import Sample, get_pdk, template
from spiceloop.circuit.pdk.scope import Scope, ordered, resolve
from spiceloop.circuit.pdk.together import Together
from spiceloop.errors import SpiceloopError
from spiceloop.examples import path
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem

pytestmark = pytest.mark.pdk

DECKS = sorted((Path(__file__).parents[2] / "data" / "pdk_decks").glob("*.spice"))
EXAMPLES = ("transconductor", "two_stage_opamp")
_NUMBER = re.compile(r"(=\s*)(\d+(?:\.\d+)?)(u|n|p|k|meg)?(?!\S)")
_SCALES = {"u": 1e-6, "n": 1e-9, "p": 1e-12, "k": 1e3, "meg": 1e6, None: 1.0}

# What a number's place could be mistaken for: in comments, twice, in blocks, continued, quoted.
ODD = """odd places
.lib "sky130.lib.spice" tt
.param a=2 $ was w=3 before
.param w=1 w=2 l = 0.5
+ m=2 k={1 + a}
.param later={w*2} b='a' c=1e-1 d=1E-1 e2=3.0 ; e2=4.0
.param f(x)=2 g=7
.subckt cell d g w=1 l=1
.param w2=3 local={w2*2}
xm d g 0 0 sky130_fd_pr__nfet_01v8 w={w2} l={l}
.ends
.macro other d g
.param q=2
.eom
.if (a==2)
.param n=3
.endif
x1 d g cell w={w} l={l}
x2 d 0 0 0 sky130_fd_pr__nfet_01v8 w={a*k+c+d} l={l} nf={e2}
v1 d 0 {g}
.control
.param z=2.0
op
.endc
.end
.param after=3
"""


def varied(text: str, dice: random.Random) -> str:
    """Write other numbers onto ``.param`` cards, as a design does."""

    def other(match: re.Match[str]) -> str:
        if dice.random() < 0.2:
            return match[0]
        value = float(match[2]) * _SCALES[match[3]] * dice.choice([0.9, 1.0, 1.1, 1.3])
        return match[1] + dice.choice([repr(value), f"{value:g}", repr(-value)])

    lines = text.split("\n")
    return "\n".join(
        _NUMBER.sub(other, line) if line.lower().startswith(".param") else line for line in lines
    )


def compiled(process: str, deck: Deck, sample: Sample | None) -> str:
    try:
        text, report = get_pdk("sky130", process).compile_with_report(deck, sample=sample)
    except SpiceloopError as error:
        return f"{type(error).__name__}: {error}"
    return f"{text.text}\n{report}"


def check(process: str, deck: Deck, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Compile both ways, with and without a sample; return whether there was a template."""
    for sample in (None, Sample(1, 2)):
        quick = compiled(process, deck, sample)
        with monkeypatch.context() as patch:
            patch.setattr(template, "_LONGEST", -1)
            assert compiled(process, deck, sample) == quick
    design = template.read_design(deck.text, "sky130.lib.spice")
    return design.deck.lines != design.lines


@pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.stem)
def test_decks_of_every_kind(deck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = deck.read_text()
    match = re.search(r"(?im)^\.lib\s.*sky130\.lib\.spice\S*\s+(\w+)", text)
    assert match
    dice = random.Random(deck.stem)
    for _ in range(4):
        check(match[1].lower(), Deck(varied(text, dice), name=deck.stem), monkeypatch)


@pytest.mark.parametrize("line", [None, *range(2, ODD.count("\n"))])
def test_odd_places(line: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(line or 0)
    lines = ODD.split("\n")
    if line is not None:  # what one line makes unusual, another one must not hide
        del lines[line]
    for _ in range(4):
        check("tt", Deck(varied("\n".join(lines), dice)), monkeypatch)


@pytest.mark.parametrize("name", EXAMPLES)
def test_designs_of_the_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = load_problem(path(name) / "problem.yaml")
    bench = Bench.load(problem)
    dice = random.Random(name)
    for values in designs(problem.start or {}, dice):
        for testbench, netlist in bench.netlists.items():
            known = {n.lower() for n in netlist.parameters}
            given = {k: v for k, v in problem.with_tied(values).items() if k.lower() in known}
            deck = netlist.render(given, name=testbench)
            assert check("ff", deck, monkeypatch)


def designs(start: dict[str, float], dice: random.Random) -> Iterator[dict[str, float]]:
    for _ in range(8):
        yield {name: value * dice.uniform(0.7, 1.4) for name, value in start.items()}


def test_a_mark_in_the_deck_itself_is_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ODD.replace("later={w*2}", f"later={template._MARK}")
    assert not check("tt", Deck(text), monkeypatch)


def test_values_together_are_those_of_one_by_one() -> None:
    pdk = get_pdk("sky130")
    dice = random.Random(1)
    for name in pdk.devices():
        if not pdk.limits(name):
            continue
        device = pdk.models.transistor(name)
        assert device
        for sizes in ({"l": dice.uniform(0.1, 5), "w": dice.uniform(0.1, 50), "nf": 2.0}, {}):
            outer = {**pdk.models.values, **sizes}
            given = [(n, e) for n, e in device.defaults.pairs if n not in sizes]
            one_by_one = resolve(tuple(given), outer)
            scope = Scope(tuple(given))
            for _ in range(4):  # by a function of its own from the third time on
                assert scope.resolve(outer) == one_by_one
            inside = one_by_one[1]
            expected = {n: e.evaluate(inside) for n, e in device.expressions}
            assert Together(device.expressions).evaluate(inside) == expected
        assert Together(device.expressions).evaluate({}) is None


def test_one_value_that_cannot_be_worked_out_leaves_the_others() -> None:
    scope = Scope(ordered((("a", "2"), ("b", "{1/z}"), ("c", "{b+1}"), ("d", "{a*z}"))))
    for z in (1.0, 0.0, 2.0, 0.0, 1e308, 3.0):
        assert scope.resolve({"z": z, "c": 9.0}) == resolve(scope.pairs, {"z": z, "c": 9.0})
    assert scope.resolve({"z": 0.0, "c": 9.0}) == ({"a": 2.0, "d": 0.0}, {"z": 0, "a": 2, "d": 0})
