"""Properties of the expression evaluator that hold for every expression."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from spiceloop.circuit.pdk.expressions import UnresolvedError, parse

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))
NAMES = st.sampled_from(["a", "b_1", "sw_vth0", "k"])
VALUES = st.fixed_dictionaries(dict.fromkeys(("a", "b_1", "sw_vth0", "k"), NUMBERS))


def branches(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(pair, st.sampled_from(["+", "-", "*", "/", "<", ">=", "&&", "**"])).map(
            lambda t: f"({t[0][0]} {t[1]} {t[0][1]})"
        ),
        inner.map(lambda x: f"(-{x})"),
        inner.map(lambda x: f"abs({x})"),
        pair.map(lambda t: f"min({t[0]},{t[1]})"),
        st.tuples(inner, pair).map(lambda t: f"({t[0]}?{t[1][0]}:{t[1][1]})"),
    )


EXPRESSIONS = st.recursive(
    st.one_of(NUMBERS.map(lambda x: f"({x!r})"), NAMES), branches, max_leaves=12
)


def evaluate(text: str, known: dict[str, float]) -> float | None:
    try:
        return parse(text).evaluate(known)
    except UnresolvedError:
        return None


@given(EXPRESSIONS, VALUES)
def test_folding_and_writing_keep_the_value(text: str, known: dict[str, float]) -> None:
    value = evaluate(text, known)
    for names in ({"a"}, {"a", "k"}, set(known)):
        folded = parse(text).fold({n: known[n] for n in names})
        if value is not None:
            assert evaluate(str(folded), known) == value
            assert folded.evaluate(known) == value


@given(EXPRESSIONS)
def test_nothing_is_known_about_what_needs_an_unknown_name(text: str) -> None:
    expression = parse(text)
    if expression.constant is None and expression.names:
        value = evaluate(text, {})
        assert value is None or math.isfinite(value)  # an unused branch of a condition may be


@given(st.text(max_size=30))
def test_any_text_parses_or_is_left_to_ngspice(text: str) -> None:
    value = evaluate(text, {"a": 1.0})
    assert value is None or math.isfinite(value)
