"""The expression evaluator against ngspice: one deck holds a parameter for each expression."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from spiceloop.circuit.pdk.expressions import UnresolvedError, parse

pytestmark = pytest.mark.ngspice

KNOWN = {"wa": 2.5, "lb": 0.15, "zero": 0.0, "nfx": 3.0}

SAMPLE = """
2**3**2 -2**2 (-2)**3 0**0 0**2 2**-1 2*-3 10-2-3 2/4/2 -3**2*2 2*3**2 --3 +3 log(10)
ln(10) log10(10) int(-2.7) int(2.7) nint(2.5) nint(-1.5) floor(-2.5) ceil(2.1) sgn(-3)
abs(-3) min(2,3) max(2,3) pow(2,0.5) sqr(3) sqrt(4) exp(1) tanh(1) atan(1) arctan(1)
sin(1) 3>2 3>2?5:6 0?2:1?7:8 1&&0 1||0 !1 3==3 3!=3 3<>2 3>=3 2<=1 1<2==1 2-3>0||1
1==1&&2==2 1meg 1m 1mil 1M 1u 10pF 1e-3k 1t 1g 1a 1f 1n 1x 1V 1.5e-3m 2^3 1?2:3 pwr(2,3)
89.1*nfx/wa+443.5 0.14/wa int((nfx+1)/2)*wa/nfx*0.29 2*int((nfx+1)/2)*(wa/nfx+0.29)
max(floor(0.5+(wa-0.33)/0.36),1) wa*zero sqrt(lb*wa) 2*(-wa) -wa -sqrt(wa)*2 (-(wa))
5-(-lb)
"""


def invent(dice: random.Random, depth: int) -> str:
    """A random expression; denominators and arguments of roots are kept positive."""
    if depth == 0:
        return dice.choice([*KNOWN, f"{dice.uniform(0.01, 99):.4g}", f"{dice.randint(1, 9)}u"])
    one, two = invent(dice, depth - 1), invent(dice, depth - 1)
    return dice.choice(
        [
            f"({one}{dice.choice('+-*')}{two})",
            f"{one}*{two}",
            f"{one} - {two}",
            f"({one})/(1+abs({two}))",
            f"(-{one})",
            f"sqrt(abs({one}))",
            f"{dice.choice(['min', 'max'])}({one},{two})",
            f"({one}{dice.choice(['>', '<', '>=', '<='])}{two} ? {one} : {two})",
            f"(1+abs({one}))**{dice.choice(['2', '0.5', '-1'])}",
            f"{dice.choice(['floor', 'int', 'abs', 'sgn'])}({one})",
        ]
    )


def test_values_are_those_of_ngspice(run: Callable[[str], dict[str, float]]) -> None:
    dice = random.Random(5)
    texts = [*SAMPLE.split(), *(invent(dice, 3) for _ in range(150))]
    lines = ["expressions", *(f".param {n}={v}" for n, v in KNOWN.items())]
    for number, text in enumerate(texts):
        lines += [f".param p{number}={{{text}}}", f"v{number} n{number} 0 {{p{number}}}"]
    prints = [f"print n{number}" for number in range(len(texts))]
    got = run("\n".join([*lines, ".control", "op", *prints, ".endc", ".end", ""]))
    assert len(got) == len(texts)
    for number, text in enumerate(texts):
        value = parse(f"{{{text}}}").evaluate(KNOWN)
        assert value == pytest.approx(got[f"n{number}"], rel=1e-12, abs=1e-15), text
        # Folding first, and writing the tree out, changes nothing.
        half = parse(text).fold({"wa": KNOWN["wa"]})
        assert parse(str(half)).evaluate(KNOWN) == pytest.approx(value, rel=1e-14, abs=0), text


@pytest.mark.parametrize(
    "text",
    ["agauss(5,1,1)", "temper+1", "nobody", "1/zero", "(-2)**0.5", "sqrt(-1)", "2k5", "min(1,2,3)",
     "1 e3", "sin()", "(1", "1e400*1e400", "''", "v(1,2)", "a.b+1", "2*-wa", "--wa"],
)  # fmt: skip
def test_what_is_left_to_ngspice(text: str) -> None:
    with pytest.raises(UnresolvedError):
        parse(text).evaluate(KNOWN)
