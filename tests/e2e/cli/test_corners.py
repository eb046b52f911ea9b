"""What the commands say of a problem with corners."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

RC = Path(__file__).parents[2] / "data" / "rc_corners"


def test_on_the_command_line(cli, tmp_path):
    folder = Path(shutil.copytree(RC, tmp_path / "rc"))
    checked = cli("check", folder)
    assert checked.returncode == 0, checked.stderr
    assert "9 corners, 10 simulations a design; fewer for one that fails" in checked.stdout
    assert "\n  vdd=1.8/27C\n" in checked.stdout

    shown = cli("simulate", folder, "--waves", "w.npz", "--deck", "decks")
    assert shown.returncode == 0, shown.stderr
    assert "at corner" in shown.stdout
    row = next(t for t in shown.stdout.splitlines() if t.startswith("vdd=1.98/-40C "))
    assert "*1.351 mA" in row
    assert (tmp_path / "decks" / "vdd=1.98_-40C" / "step.spice").is_file()
    one = cli("simulate", folder, "--corner", "vdd=1.98/125c", "--json")
    document = json.loads(one.stdout)
    assert [c["corner"] for c in document["corners"]] == ["vdd=1.98/125C"]
    assert document["corners"][0]["conditions"] == {"vdd": 1.98, "temperature": 125.0}
    wrong = cli("simulate", folder, "--corner", "hot")
    assert wrong.returncode == 2
    assert "has no corner 'hot'; it has vdd=1.8/27C" in wrong.stderr

    options = ("--budget", "8", "--optimizer", "sobol", "--out", "run", "--json")
    sized = cli("size", folder, *options)
    assert sized.returncode == 0, sized.stderr
    document = json.loads(sized.stdout)
    counted = document["simulations"]
    assert counted["run"] + counted["saved"] == 9 * 10
    assert counted["saved"] > 0
    assert "simulations saved" in sized.stderr
    chosen = document["chosen"]
    assert len(chosen["corners"]) == 9
    worst = next(m["value"] for m in chosen["metrics"] if m["metric"] == "f3db")
    assert worst == min(c["metrics"]["f3db"] for c in chosen["corners"])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert 'id="corners"' in page
    assert f"{counted['saved']} saved" in page
    exported = cli("export", "run", "--csv", "t.csv")
    assert exported.returncode == 0, exported.stderr
    assert "f3db@vdd=1.98/125C" in (tmp_path / "t.csv").read_text().splitlines()[0]


def test_a_failure_on_the_command_line_names_the_corner(cli, tmp_path):
    folder = Path(shutil.copytree(RC, tmp_path / "rc"))
    deck = folder / "rc.spice"
    text = deck.read_text(encoding="utf-8")
    # The lowest supply does not get there.
    last = "meas tran ipeak max i(vs)"
    text = text.replace(last, f"{last}\nmeas tran reach when v(top)=1.7 rise=1")
    deck.write_text(text, encoding="utf-8")
    file = folder / "problem.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "  reach: {unit: s}\n", encoding="utf-8")
    failed = cli("simulate", folder)
    assert failed.returncode == 4
    assert "testbench step, corner vdd=1.62/27C" in failed.stderr
