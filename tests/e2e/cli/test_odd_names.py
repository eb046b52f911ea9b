"""Folders whose names mean something to a URL, to Optuna, or to nobody."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", ["what?", "%41%2", "{r}"])
def test_a_run_in_a_folder_with_an_odd_name(
    inside: Run, problem: Path, tmp_path: Path, name: str
) -> None:
    out = f"runs/{name}"
    begun = inside(
        "size", problem, "--budget", 2, "--optimizer", "sobol", "--out", out, "--no-report"
    )
    assert begun.returncode == 0, begun.stderr
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [name]
    gone_on = inside("resume", out, "--budget", 3, "--json", "--no-report")
    assert gone_on.returncode == 0, gone_on.stderr
    found = json.loads(gone_on.stdout)
    assert found["trials"]["ended"] == 3
    for where in ([out], [f"{out}/study.db"], ["--study", found["study"]["url"]]):
        shown = inside("export", *where, "--csv", "t.csv")
        assert shown.returncode == 0, shown.stderr
    assert inside("report", out).returncode == 0
    assert (tmp_path / out / "report.html").is_file()
    of_trial = inside("yield", problem, "--study", out, "--design", 1)
    assert "pdk" in of_trial.stderr  # the study was found: only then is the process asked for


LATIN_1 = b"""# -*- coding: latin-1 -*-
def more(waves):
    return {"extra": float(len("\xe9\xb5"))}
"""


def with_function(problem: Path, content: bytes) -> None:
    (problem.parent / "mine.py").write_bytes(content)
    text = problem.read_text()
    problem.write_text(
        text.replace("{deck: rc.spice}", "{deck: rc.spice, functions: [mine.py:more]}")
        + "  extra: {goal: minimize}\n"
    )


def test_a_function_in_another_encoding(inside: Run, problem: Path) -> None:
    """Python takes a file's own word for its encoding (PEP 263); so does the study's record."""
    with_function(problem, LATIN_1)
    begun = inside(
        "size", problem, "--budget", 2, "--optimizer", "sobol", "--out", "run", "--no-report"
    )
    assert begun.returncode == 0, begun.stderr
    assert inside("resume", "run", "--budget", 3, "--no-report").returncode == 0
    (problem.parent / "mine.py").write_bytes(LATIN_1.replace(b"\xe9", b"\xe8"))
    changed = inside("resume", "run", "--budget", 4, "--no-report")
    assert changed.returncode == 2
    assert "mine.py" in changed.stderr


def test_a_function_whose_encoding_nobody_knows(inside: Run, problem: Path) -> None:
    with_function(problem, LATIN_1.partition(b"\n")[2])
    refused = inside("size", problem, "--out", "run")
    assert refused.returncode == 2
    assert "mine.py" in refused.stderr
    assert "fault of spiceloop" not in refused.stderr


def test_names_that_are_no_text(command: str, problem: Path, tmp_path: Path) -> None:
    """No report, study or deck can hold them."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 -- a Path is text
    for words, cwd in (
        ([b"size", os.fsencode(problem), b"--out", folder], os.fsencode(tmp_path)),
        ([b"check", folder, b"--json"], os.fsencode(tmp_path)),
        ([b"size", os.fsencode(problem)], folder),
    ):
        done = subprocess.run(
            [os.fsencode(command), *words], cwd=cwd, capture_output=True, timeout=120
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 2, said
        assert "udce9" in said
        assert "rename" in said
        if b"--json" in words:
            assert json.loads(done.stdout)["error"]["exit_code"] == 2
    assert os.listdir(folder) == []  # noqa: PTH208 -- a Path is text


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000, "-1"])
def test_a_trial_that_is_no_number(inside: Run, problem: Path, number: str) -> None:
    done = inside("yield", problem, f"--design={number}")
    assert done.returncode == 2
    assert "expected the number of a trial" in done.stderr
