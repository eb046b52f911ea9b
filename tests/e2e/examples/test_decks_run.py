"""Every example's decks under plain ``ngspice -b``, as its README says, and as one evaluation."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spiceloop.circuit.pdk.processes.sky130 import locate_sky130
from spiceloop.errors import InputError
from spiceloop.examples import names, path
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem

SKY130 = {"transconductor", "two_stage_opamp"}


def problems() -> list[object]:
    return [
        pytest.param(name, marks=[pytest.mark.ngspice, *([pytest.mark.pdk] * (name in SKY130))])
        for name in names()
    ]


def decks() -> list[object]:
    return [
        pytest.param(
            name,
            deck.name,
            marks=[pytest.mark.ngspice, *([pytest.mark.pdk] * (name in SKY130))],
            id=f"{name}-{deck.stem}",
        )
        for name in names()
        for deck in sorted(path(name).glob("*.spice"))
        if deck.name.startswith(("tb_", "rc"))
    ]


def test_names() -> None:
    assert set(names()) == {"generic_ota", "rc_filter", "transconductor", "two_stage_opamp"}
    with pytest.raises(InputError, match="did you mean 'rc_filter'"):
        path("rc_fliter")


@pytest.mark.parametrize("name", names())
def test_folder_is_complete(name: str) -> None:
    folder = path(name)
    readme = (folder / "README.md").read_text()
    for file in ("problem.yaml", "schematic.py", "schematic.svg", "schematic.png"):
        assert (folder / file).is_file(), file
    assert "schematic.svg" in readme or "schematic.png" in readme
    assert f"spiceloop size {name}" in readme


@pytest.mark.parametrize(("name", "deck"), decks())
def test_plain_batch_run(name: str, deck: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(path(name), folder, ignore=shutil.ignore_patterns("__pycache__"))
    environment = dict(os.environ)
    if name in SKY130:
        environment["NGSPICE_INPUT_DIR"] = str(locate_sky130("continuous").parent)
    done = subprocess.run(
        ["ngspice", "-b", deck],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "error" not in text.lower(), text
    assert " = " in done.stdout or "Index" in done.stdout


@pytest.mark.parametrize("name", problems())
@pytest.mark.parametrize("simulator", ["ngspice-lib", "ngspice-batch"])
def test_start_gives_every_metric(name: str, simulator: str) -> None:
    problem = load_problem(path(name) / "problem.yaml")
    assert problem.start is not None
    with Evaluator(problem, simulator=simulator) as evaluator:
        got = evaluator.evaluate(problem.start)
    assert set(got.metrics) == set(problem.metrics)
    assert problem.violations(dict(got.metrics)) == {}  # every start is feasible
