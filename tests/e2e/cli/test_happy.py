"""Every command on a good problem, through the real command with the real simulator."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]
RC_BANDWIDTH = 15915.494  # Hz: 1/(2πRC) for 10 kΩ and 1 nF


@pytest.fixture
def study(inside: Run, problem: Path) -> Path:
    """A finished study of six trials."""
    done = inside(
        "size", problem, "--budget", 6, "--optimizer", "sobol", "--out", "run", "--no-report"
    )
    assert done.returncode == 0, done.stderr
    return problem.parent / "run"


def test_version_and_help(cli: Run) -> None:
    assert cli("--version").stdout.startswith("spiceloop 0.")
    shown = cli()
    assert shown.returncode == 0
    for name in ("size", "resume", "simulate", "check", "init", "report", "export", "doctor"):
        assert name in shown.stdout


def test_simulate_gives_every_metric_with_its_unit(cli: Run, problem: Path) -> None:
    done = cli("simulate", problem)
    assert done.returncode == 0, done.stderr
    assert "15.92 kHz" in done.stdout
    assert "met" in done.stdout


def test_simulate_set_waves_and_decks(cli: Run, problem: Path, tmp_path: Path) -> None:
    done = cli(
        "simulate", problem, "--set", "r=20k", "--set", "c=0.5n",
        "--waves", "out.npz", "--deck", "decks", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["design"] == {"r": 20e3, "c": 0.5e-9}
    bandwidth = next(m for m in found["metrics"] if m["metric"] == "bandwidth")
    assert bandwidth["value"] == pytest.approx(RC_BANDWIDTH, rel=1e-3)
    assert bandwidth["unit"] == "Hz"
    assert bandwidth["met"] is True
    with np.load(tmp_path / "out.npz") as waves:
        ac = next(n for n in waves.files if n.endswith(("/out", "/v(out)")))
        assert abs(waves[ac][0]) == pytest.approx(1.0, rel=1e-4)
    again = subprocess.run(
        ["ngspice", "-b", tmp_path / "decks" / "main.spice"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert "bandwidth" in again.stdout


def test_both_simulators_agree(inside: Run, problem: Path) -> None:
    answers = []
    for simulator in ("ngspice-lib", "ngspice-batch"):
        done = inside("simulate", problem, "--simulator", simulator, "--json")
        answers.append({m["metric"]: m["value"] for m in json.loads(done.stdout)["metrics"]})
    assert answers[0] == pytest.approx(answers[1], rel=1e-9)


def test_check_of_a_good_problem(cli: Run, problem: Path) -> None:
    done = cli("check", problem)
    assert done.returncode == 0, done.stdout + done.stderr


def test_init_drafts_a_problem_that_loads(cli: Run, problem: Path, tmp_path: Path) -> None:
    done = cli("init", "rc.spice", "-o", "draft.yaml")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "draft.yaml").read_text()
    assert "r:" in text
    assert "bandwidth:" in text
    assert cli("init", "rc.spice").stdout.strip() == text.strip()


def test_size_says_result_on_stdout_and_progress_on_stderr(
    cli: Run, problem: Path, tmp_path: Path
) -> None:
    done = cli("size", problem, "--budget", 8, "--initial", 5, "--seed", 3, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "[8/8]" in done.stderr
    assert "[8/8]" not in done.stdout
    assert "chosen: trial" in done.stdout
    report = tmp_path / done.stdout.split("report: ")[1].strip()
    assert report.is_file()
    assert "bandwidth" in report.read_text()


def test_size_json_is_one_document(cli: Run, problem: Path) -> None:
    done = cli("size", problem, "--budget", 4, "--optimizer", "sobol", "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["trials"]["ended"] == found["trials"]["budget"] == 4
    assert found["start"]["trial"] == 0
    assert found["hypervolume"] > 0
    assert found["report"] is None
    start = {m["metric"]: m["value"] for m in found["start"]["metrics"]}
    assert start["bandwidth"] == pytest.approx(RC_BANDWIDTH, rel=1e-3)


def test_resume_adds_trials_and_report_and_export(inside: Run, study: Path, tmp_path: Path) -> None:
    longer = inside("resume", study, "--budget", 8, "--no-report", "--json")
    assert longer.returncode == 0, longer.stderr
    assert json.loads(longer.stdout)["trials"]["ended"] == 8

    page = inside("report", study)
    assert page.returncode == 0, page.stderr
    assert Path(page.stdout.strip()).is_file()

    out = inside(
        "export", study, "--csv", "t.csv", "--parquet", "t.parquet",
        "--netlist", "sized", "--trial", 2,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["trial"]) for r in rows] == list(range(9))
    assert (tmp_path / "t.parquet").stat().st_size > 0
    again = subprocess.run(
        ["ngspice", "-b", tmp_path / "sized" / "main.spice"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    measured = next(x for x in again.stdout.splitlines() if x.startswith("bandwidth"))
    assert float(measured.split("=")[1].split()[0]) == pytest.approx(
        float(rows[2]["bandwidth"]), rel=1e-5
    )


def test_study_by_url_and_name(inside: Run, problem: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    common = ("--budget", 2, "--optimizer", "sobol", "--no-report", "--study", url)
    for name in ("first", "second"):
        done = inside("size", problem, *common, "--name", name, "--out", name)
        assert done.returncode == 0, done.stderr
    which = inside("export", "--study", url, "--csv", "t.csv")
    assert which.returncode == 2
    assert "first" in which.stderr
    assert "second" in which.stderr
    assert inside("export", "--study", url, "--name", "second", "--csv", "t.csv").returncode == 0


def test_examples_list_and_copy(inside: Run, tmp_path: Path) -> None:
    listed = json.loads(inside("examples", "--json").stdout)
    names = [e["name"] for e in listed]
    assert names
    assert all(e["description"] for e in listed)
    name = next(e["name"] for e in listed if not e["needs_pdk"])
    done = inside("examples", "copy", name, "mine")
    assert done.returncode == 0, done.stderr
    copied = tmp_path / "mine" / "problem.yaml"
    assert done.stdout.strip() == "mine/problem.yaml"
    assert inside("check", copied).returncode == 0
    assert inside("simulate", "mine").returncode == 0
    refused = inside("examples", "copy", name, "mine")
    assert refused.returncode == 2
    assert "mine" in refused.stderr


def test_an_example_is_a_problem_but_a_path_wins(inside: Run, problem: Path) -> None:
    listed = json.loads(inside("examples", "--json").stdout)
    name = next(e["name"] for e in listed if not e["needs_pdk"])
    assert json.loads(inside("simulate", name, "--json").stdout)["problem"] != "low_pass"
    problem.rename(problem.parent / name)
    assert json.loads(inside("simulate", name, "--json").stdout)["problem"] == "low_pass"


def test_doctor_runs_both_simulators(cli: Run) -> None:
    done = cli("doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
    for name in ("ngspice-lib", "ngspice-batch"):
        assert found[name]["ok"]
        assert "ngspice" in found[name]["detail"]
    assert found["optuna"]["ok"]
    shown = cli("doctor")
    assert "\nReady." in shown.stdout


def test_reader_of_a_pipe_may_go_away(command: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{command} doctor --json | head -c 1"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_study_whose_deck_changed_is_reported_with_a_warning_but_not_resumed(
    inside: Run, study: Path
) -> None:
    deck = study.parent / "rc.spice"
    deck.write_text(deck.read_text().replace("1g\n", "2g\n"))
    done = inside("export", study, "--csv", "trials.csv")
    assert done.returncode == 0, done.stderr
    said = "since these trials were simulated: rc.spice of testbench main has changed"
    assert said in done.stderr
    refused = inside("resume", study, "--budget", 7)
    assert refused.returncode == 2
    assert "is of another problem" in refused.stderr
