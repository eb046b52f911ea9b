"""What ``import spiceloop`` gives, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import spiceloop

PUBLIC = [
    *("AudioError", "ConfigError", "DataError", "DeckError", "DesignError", "Evaluation"),
    *("FilterBank", "Plot", "Problem", "ProblemError", "Result", "Sample"),
    *("SetupError", "SimulationError", "SpiceloopError", "StorageError", "Study", "StudyError"),
    *("TrainingError", "Trial", "Waves", "Yield", "estimate_yield"),
    *(
        "load_config",
        "load_data",
        "load_problem",
        "open_study",
        "resume",
        "run_codesign",
        "simulate",
        "size",
    ),
]


def test_the_public_names_are_these():
    assert sorted(spiceloop.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(spiceloop, name).__name__ == name
    assert set(PUBLIC) <= set(dir(spiceloop))


def test_type_checkers_see_the_same_names():
    source = Path(spiceloop.__file__).read_text()
    assert {f"import {n} as {n}" in source for n in PUBLIC} == {True}


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'seize'"):
        spiceloop.seize  # noqa: B018


def test_the_version_is_the_packages():
    assert spiceloop.__version__[0].isdigit()


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import spiceloop", "numpy torch optuna pandas matplotlib pydantic"),
        ("import spiceloop; spiceloop.load_problem", "torch optuna pandas matplotlib plotly"),
        ("import spiceloop; spiceloop.size", "torch optuna pandas matplotlib plotly"),
    ],
)
def test_heavy_packages_wait_until_they_are_needed(code, absent):
    code += f"; import sys; print(*[m for m in {absent.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
