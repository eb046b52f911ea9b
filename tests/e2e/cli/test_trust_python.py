"""Each command that would run Python of a stranger's problem asks for ``--trust-python`` first."""

import pytest

pytestmark = pytest.mark.ngspice

CODE = """from pathlib import Path
Path(__file__).with_name("ran").touch()
def area(waves):
    return {"area2": 1.0}
def figures(simulate, designs):
    return []
"""


def test_every_command(inside, problem, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    text = problem.read_text().replace("deck: rc.spice", "deck: rc.spice, functions: [f.py:area]")
    (theirs / "problem.yaml").write_text(text + "figures: [f.py:figures]\n")
    (theirs / "rc.spice").write_text((tmp_path / "rc.spice").read_text())
    (theirs / "f.py").write_text(CODE)
    run, ran = tmp_path / "run", theirs / "ran"
    size = ["size", theirs, "--budget", 1, "--initial", 1, "--optimizer", "sobol", "--out", run]
    commands = [
        ["check", theirs],
        ["simulate", theirs],
        [*size, "--no-report"],
        ["resume", run, "--budget", 2, "--no-report"],
        ["report", run],
        ["export", run, "--csv", tmp_path / "t.csv"],
    ]
    theirs.chmod(0o777)
    for command in commands:
        done = inside(*command)
        assert done.returncode == 2, done.stderr
        assert "--trust-python" in done.stderr
        assert not ran.exists()
        done = inside(*command, "--trust-python")
        assert done.returncode == 0, done.stderr
        ran.unlink(missing_ok=True)
    theirs.chmod(0o700)
    assert inside("check", theirs).returncode == 0
