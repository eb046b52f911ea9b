"""Tables and sized netlists."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pandas as pd
import pytest

from spiceloop.errors import StorageError
from spiceloop.study.export import (
    sized_netlists,
    trials_frame,
    write_csv,
    write_netlists,
    write_parquet,
)
from spiceloop.study.trial import Failure, Origin, Trial, TrialState

METRICS = {"f3db": 79577.47154594767, "ipeak": 5e-4, "rise": 12e-6}


@pytest.fixture
def trials():
    design = {"r": 2e3, "c": 1.234e-9}
    return [
        Trial(0, TrialState.DONE, Origin.START, design, METRICS, {"rise": 0.2}, None, 0.5, 0.25),
        Trial(1, TrialState.FAILED, Origin.MODEL, design, failure=Failure("crash", "a, b\nc")),
        Trial(2, TrialState.RUNNING, Origin.MODEL, design),
    ]


def test_the_frame_has_a_row_a_trial_and_si_numbers(problem, trials):
    frame = trials_frame(problem, trials)
    assert list(frame.columns) == [
        *("trial", "state", "origin", "feasible", "r", "c", "f3db", "ipeak", "rise"),
        *("violation", "failure", "message", "simulation_s", "thinking_s"),
    ]
    assert frame["state"].tolist() == ["done", "failed", "running"]
    assert frame.loc[0, "f3db"] == METRICS["f3db"]
    assert frame.loc[0, "violation"] == 0.2
    assert not frame["feasible"].any()
    assert frame["rise"].isna().tolist() == [False, True, True]


def test_an_empty_study_is_an_empty_frame(problem):
    assert trials_frame(problem, []).empty


def test_files_read_back_exactly(problem, trials, tmp_path):
    frame = trials_frame(problem, trials)
    parquet = pd.read_parquet(write_parquet(problem, trials, tmp_path / "t.parquet"))
    csv = pd.read_csv(
        write_csv(problem, trials, tmp_path / "t.csv"),
        keep_default_na=False,
        na_values={"f3db": [""], "ipeak": [""], "rise": [""], "violation": [""]},
    )
    pd.testing.assert_frame_equal(parquet, frame)
    pd.testing.assert_frame_equal(csv, frame, check_exact=True)


def test_a_place_that_cannot_be_written(problem, trials, bench, tmp_path):
    (tmp_path / "file").write_text("")
    for write in (write_csv, write_parquet):
        with pytest.raises(StorageError, match=r"cannot write .*no/t"):
            write(problem, trials, tmp_path / "no" / "t")
    with pytest.raises(StorageError, match="cannot write"):
        write_netlists(bench, trials[0], tmp_path / "file")


def test_a_sized_netlist_states_what_it_is(bench, trials):
    text = sized_netlists(bench, trials[0], {"versions": "ngspice 39"})["step"]
    lines = text.splitlines()
    assert lines[0] == "RC low-pass, driven by a step and by a sine"
    assert ".param r = 2000.0" in lines
    assert ".param c = 1.234e-09" in lines
    header = [line for line in lines if line.startswith("* ")]
    assert "* sized by spiceloop: problem rc_study, trial 0" in header
    assert "* r = 2 kOhm" in header
    assert "* -> f3db = 79.58 kHz" in header
    assert "* -> rise = 12 us, misses its bounds" in header
    assert "* versions: ngspice 39" in header
    assert text.isascii()
    met = sized_netlists(bench, replace(trials[0], violations={}))["step"]
    assert "* -> rise = 12 us" in met.splitlines()


@pytest.mark.ngspice
def test_a_sized_netlist_runs_by_itself_and_gives_the_same(bench, trials, tmp_path):
    (file,) = write_netlists(bench, trials[0], tmp_path / "sized")
    done = subprocess.run(
        ["ngspice", "-b", str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    f3db = next(line for line in done.stdout.splitlines() if line.startswith("f3db"))
    assert float(f3db.split("=")[1]) == pytest.approx(
        1 / (2 * 3.14159265 * 2e3 * 1.234e-9), rel=1e-3
    )
