"""A long row of evaluations needs no more memory and no more open files than a short one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.ngspice, pytest.mark.slow, pytest.mark.timeout(1800)]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory.py"
# Caches that have a bound are still filling; ngspice itself leaks 13 MiB a transient run.
KIB_AN_EVALUATION = 4.0


def rows(tmp_path: Path, *options: str) -> dict[str, np.ndarray]:
    out = tmp_path / "rows.json"
    subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--json", str(out)],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=1500,
    )
    table = json.loads(out.read_text())
    return {name: np.array([row[name] for row in table], float) for name in table[0]}


def check(found: dict[str, np.ndarray], parent_mib: float, worker_mib: float) -> None:
    half = len(found["evaluations"]) // 2
    for name, most in (("parent_mib", parent_mib), ("worker_mib", worker_mib)):
        slope = np.polyfit(found["evaluations"][half:], found[name][half:], 1)[0] * 1024
        assert slope < KIB_AN_EVALUATION, (name, slope, found[name])
        assert found[name].max() < most
    assert found["files"][1:].max() == found["files"][1:].min()


def test_1500_evaluations_of_a_small_circuit(tmp_path):
    check(rows(tmp_path, "--evaluations", "1500", "--every", "50"), 300, 150)


def test_1500_trials_of_a_study(tmp_path):
    check(rows(tmp_path, "--evaluations", "1500", "--every", "50", "--study"), 300, 150)


@pytest.mark.pdk
def test_300_evaluations_with_sky130(tmp_path):
    options = ("--example", "transconductor", "--evaluations", "300", "--every", "20")
    found = rows(tmp_path, *options)
    assert found["parent_mib"].max() < 600
    assert found["worker_mib"].max() < 300
    half = len(found["evaluations"]) // 2
    assert found["parent_mib"][-1] < found["parent_mib"][half] + 20
    assert found["worker_mib"][-1] < found["worker_mib"][half] + 20
