"""Problem files from strangers: each is refused in a second or so, with a message, or is fine."""

import os
import time
from pathlib import Path

import pytest

from spiceloop.errors import ProblemError
from spiceloop.spec.lint import lint
from spiceloop.spec.load import load_problem

DECK = "t\n.param r = 1\nv1 1 0 1\nr1 1 0 {r}\n.op\n.control\nop\nlet v=v(1)\n.endc\n.end\n"
LIST = str(list(range(1000)))


def text(bench="", r="minimum: 1, maximum: 2, start: 1", v="goal: minimize", more="", deck="d.sp"):
    return (
        f"name: p\ntestbenches: {{t: {{deck: {deck}{bench}}}}}\nparameters: {{r: {{{r}}}}}\n"
        f"metrics: {{v: {{{v}}}}}\n{more}\n"
    )


def chain(entry):
    """Lists or mappings that each hold the one before nine times."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} " + entry.format(f"*a{i - 1}, " * 9) for i in range(1, 12)]
    return "\n".join(lines)


REFUSED = {
    "too large a number": (text(r="minimum: 1, maximum: 1e999"), "too large"),
    "infinity": (text(r="minimum: 1, maximum: .inf"), "finite"),
    "no number": (text(r="minimum: .nan, maximum: 2"), "finite"),
    "a number of 5000 digits": (text(r=f"minimum: 1, maximum: {'9' * 5000}"), "finite"),
    "a range beyond floats": (text(r="minimum: -1e308, maximum: 1.7e308"), "too wide"),
    "a grid beyond floats": (text(r="minimum: 1, maximum: 2, grid: 1e-300"), "too fine"),
    "a grid without number": (text(r="minimum: 1, maximum: 2, grid: .nan"), "finite"),
    "endless patience": (text(", timeout: 1e300"), "1000000"),
    "an infinite ratio": (
        text(r="minimum: 1, maximum: 2}, q: {tied_to: r, ratio: 1e999"),
        "too large",
    ),
    "a bound without end": (text(v="goal: minimize, minimum: 1e999"), "too large"),
    "a billion corners": (
        text(
            more=f"conditions: {{a: {{enumerate: {LIST}}}, b: {{enumerate: {LIST}}}, "
            f"c: {{enumerate: {LIST}}}}}"
        ),
        "1000000000 corners",
    ),
    "Python object": (text(more='description: !!python/object/apply:os.system ["touch x"]'), "tag"),
    "Python name": (text(more="description: !!python/name:os.system x"), "tag"),
    "a tag of its own": (text(r="minimum: 1, maximum: 2, unit: !foo {a: 1}"), "tag"),
    "deep lists": ("a: " + "[" * 100_000, "nested"),
    "deep mappings": ("{a: " * 1000, "nested"),
    "deep indentation": ("\n".join(" " * i + "a:" for i in range(500)), "nested"),
    "billion laughs": (chain("[{}x]"), "multiply without end"),
    "merged laughs": (chain("{{<<: [{}{{}}]}}"), "multiply without end"),
    "a list in itself": ("a: &a [*a]", "circle"),
    "a mapping merged with itself": ("a: &a {<<: *a}", "circle"),
    "a key twice": (text(more="name: q"), "given twice"),
    "a key twice inside": (text(r="minimum: 1, maximum: 2, minimum: 3"), "given twice"),
    "a long list": ("name: [" + "1," * 200_000 + "1]", "more than 20000 values"),
    "a long file": ("# comment\n" * 200_000, "more than 1024 KiB"),
    "an escape sequence": (text(more='description: "\\e[2J"'), "control character"),
    "a NUL in a path": (text(deck='"a\\0b"'), "control character"),
    "half a character": (text(more='description: "\\ud800"'), "control character"),
    "a list as key": ("? [a, b]\n: 1\n", "unknown key"),
}


@pytest.mark.parametrize(("content", "match"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_a_message(tmp_path, content, match):
    (tmp_path / "d.sp").write_text(DECK)
    (tmp_path / "problem.yaml").write_text(content)
    began = time.process_time()
    with pytest.raises(ProblemError, match=match):
        load_problem(tmp_path / "problem.yaml")
    assert time.process_time() - began < 5
    assert {p.name for p in tmp_path.iterdir()} == {"d.sp", "problem.yaml"}


PATHS = {
    "password file": "/etc/passwd",
    "climbing": "../../../../../../../../etc/passwd",
    "kernel log": "/proc/kmsg",
    "own memory": "/proc/self/mem",
    "device": "/dev/zero",
    "folder": "/",
    "long name": "a" * 5000,
    "unknown home": "~nosuchuser/deck.sp",
}


@pytest.mark.parametrize("deck", PATHS.values(), ids=PATHS.keys())
def test_strange_decks_are_findings(tmp_path, deck):
    (tmp_path / "problem.yaml").write_text(text(deck=deck))
    found = [str(f) for f in lint(load_problem(tmp_path / "problem.yaml"))]
    assert any(f.startswith("error: ") for f in found)


@pytest.mark.parametrize("file", PATHS.values(), ids=PATHS.keys())
def test_strange_includes_are_findings(tmp_path, file):
    (tmp_path / "problem.yaml").write_text(text())
    (tmp_path / "d.sp").write_text(DECK.replace(".op", f".include '{file}'\n.op"))
    began = time.process_time()
    lint(load_problem(tmp_path / "problem.yaml"))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "function", ["a" * 5000 + ".py:f", "..py:f", "os.path.:f", "..os:f", "/dev/zero.py:f", "/:f"]
)
def test_strange_functions_are_findings(tmp_path, function):
    (tmp_path / "d.sp").write_text(DECK)
    (tmp_path / "problem.yaml").write_text(text(f", functions: ['{function}']"))
    assert any(f.severity == "error" for f in lint(load_problem(tmp_path / "problem.yaml")))


def test_links_in_a_circle(tmp_path):
    for name, to in (("d.sp", "e.sp"), ("e.sp", "d.sp"), ("problem.yaml", "problem.yaml")):
        (tmp_path / name).symlink_to(tmp_path / to)
    with pytest.raises(ProblemError, match="cannot read"):
        load_problem(tmp_path / "problem.yaml")
    (tmp_path / "problem.yaml").unlink()
    (tmp_path / "problem.yaml").write_text(text())
    assert any(f.severity == "error" for f in lint(load_problem(tmp_path / "problem.yaml")))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "problem.yaml")
    with pytest.raises(ProblemError, match="not a file"):
        load_problem(tmp_path / "problem.yaml")


def test_every_example_is_far_from_the_limits():
    import spiceloop.examples

    for file in Path(spiceloop.examples.__file__).parent.rglob("problem.yaml"):
        assert file.stat().st_size < 100_000
