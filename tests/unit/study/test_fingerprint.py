"""Files whose change a resumed study must notice: whatever the metrics depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.fingerprint import differences, fingerprint

FILES = {
    "problem.yaml": """\
name: amp
testbenches:
  one: {deck: tb.spice, functions: ["m.py:f"]}
  two: {deck: other/tb.spice, functions: ["other/m.py:f"]}
parameters: {w: {minimum: 1, maximum: 2}}
metrics: {a: {goal: maximize, testbench: one}, b: {goal: minimize, testbench: two}}
""",
    "tb.spice": "title\n.lib 'own.lib' tt\n.param w=1\nr1 1 0 {w}\n.op\n.end\n",
    "other/tb.spice": "title\n.include part.inc\n.param w=1\nr1 1 0 {w}\n.op\n.end\n",
    "other/part.inc": "r2 1 0 1\n",
    "own.lib": "* library\n.lib tt\n.include models.inc\n.endl\n",
    "models.inc": ".param x=1\n",
    "m.py": "import helper\nfrom package import part\n\ndef f(waves):\n    return {}\n",
    "other/m.py": "def f(waves):\n    return {'b': 1}\n",
    "helper.py": "import deeper\n\nA = deeper.A\n",
    "deeper.py": "import json\n\nA = 1\n",
    "package/__init__.py": "",
    "package/part.py": "B = 1\n",
    "unrelated.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def parts(folder: Path) -> dict[str, str]:
    return fingerprint(Bench.load(load_problem(folder / "problem.yaml")))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tb.spice", "tb.spice of testbench one"),
        ("other/part.inc", "tb.spice of testbench two"),
        ("own.lib", "own.lib"),
        ("models.inc", "models.inc"),
        ("m.py", "m.py"),
        ("other/m.py", "other/m.py"),
        ("helper.py", "helper.py"),
        ("deeper.py", "deeper.py"),
        ("package/part.py", "part.py"),
    ],
)
def test_a_changed_file_is_named(folder: Path, name: str, said: str) -> None:
    before = parts(folder)
    comment = "#" if name.endswith(".py") else "*"
    (folder / name).write_text(FILES[name].replace("\n", f"\n{comment} changed\n", 1))
    assert differences(before, parts(folder)) == [f"{said} has changed"]


def test_what_nothing_depends_on_may_change(folder: Path, tmp_path_factory) -> None:
    before = parts(folder)
    (folder / "unrelated.py").write_text("x = 1\n")
    assert parts(folder) == before
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    folder.rename(elsewhere)
    assert parts(elsewhere) == before
