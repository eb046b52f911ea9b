"""optuna-dashboard, as it is, shows a study of ours."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Failure, Origin

DATA = Path(__file__).parents[1] / "data" / "rc_study"
COMMAND = Path(sys.executable).with_name("optuna-dashboard")
METRICS = {"f3db": 79577.47154594767, "ipeak": 5e-4, "rise": 12e-6}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = Study.create(
        Bench.load(load_problem(DATA / "problem.yaml")),
        f"sqlite:///{tmp_path / 'study.db'}",
        Settings(),
    )
    study.begin({"r": 2e3, "c": 1e-9}, Origin.START)
    study.finish(0, METRICS, simulation_s=0.5)
    study.begin({"r": 3e3, "c": 1e-9}, Origin.MODEL)
    study.finish(1, Failure("crash", "it is gone", "segfault"), simulation_s=0.5)
    return study


@pytest.fixture
def served(study: Study):
    if not COMMAND.exists() and shutil.which("optuna-dashboard") is None:
        pytest.skip("optuna-dashboard is not installed: pip install 'spiceloop[dashboard]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(COMMAND), study.url, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def get(url: str) -> dict:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_the_dashboard_shows_trials_names_and_constraints(served):
    (summary,) = get(f"{served}/api/studies")["study_summaries"]
    assert summary["study_name"] == "rc_study"
    detail = get(f"{served}/api/studies/{summary['study_id']}")
    assert detail["objective_names"] == ["f3db", "ipeak"]
    assert detail["directions"] == ["maximize", "minimize"]
    done, failed = detail["trials"]
    assert done["state"] == "Complete"
    assert [float(v) for v in done["values"]] == [METRICS["f3db"], METRICS["ipeak"]]
    assert done["constraints"] == [pytest.approx(0.2)]
    assert {p["name"]: float(p["param_external_value"]) for p in done["params"]} == {
        "r": 2e3,
        "c": 1e-9,
    }
    assert failed["state"] == "Fail"
    assert "segfault" in json.dumps(failed["user_attrs"])
