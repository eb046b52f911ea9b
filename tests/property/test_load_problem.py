"""Whatever stands in a problem file, the answer is a `Problem` or a `ProblemError`."""

import contextlib
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spiceloop.errors import ProblemError
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem

words = st.sampled_from(
    ["name", "testbenches", "parameters", "metrics", "pdk", "conditions", "deck", "minimum",
     "maximum", "start", "goal", "w1", "main", "tied_to", "unit", "grid",
     "maximize", "1M", "4u", "sky130", "stand_in", "x.y", "[key]", "<<", "corner", "corners",
     "enumerate", "typical", "temperature", "early_stop"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def load(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        return load_problem(path)


@settings(deadline=None)
@given(st.text() | st.binary())
def test_any_text(text):
    with contextlib.suppress(ProblemError):
        assert isinstance(load(text), Problem)


@settings(deadline=None)
@given(st.dictionaries(words, values, max_size=6))
def test_any_data(data):
    mistakes = ()
    try:
        assert isinstance(load(yaml.safe_dump(data, allow_unicode=True)), Problem)
    except ProblemError as error:
        mistakes = error.mistakes
    assert all(m.startswith("problem.yaml:") for m in mistakes)
