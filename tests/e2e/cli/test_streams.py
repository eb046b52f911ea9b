"""Standard output and error that are full, closed, ASCII only, or printed to by the user's code."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

Shell = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def shell(command: str, tmp_path: Path) -> Shell:
    """Run a line of the shell, in which ``$S`` is the real command."""

    def run(line: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=tmp_path,
            env={**os.environ, "S": command, **env},
            capture_output=True,
            timeout=120,
        )

    return run


@pytest.mark.parametrize("option", ["", "--json"])
@pytest.mark.parametrize(("to", "reason"), [("> /dev/full", "No space left"), (">&-", "closed")])
def test_a_result_that_cannot_be_written_is_one_line(
    shell: Shell, option: str, to: str, reason: str
) -> None:
    done = shell(f'"$S" examples {option} {to}')
    said = done.stderr.decode()
    assert done.returncode == 5, said
    assert len(said.splitlines()) == 1, said
    assert said.startswith("spiceloop: ")
    assert "standard output" in said
    assert reason in said


@pytest.mark.parametrize("to", ["> /dev/full", ">&-"])
def test_an_error_is_told_all_the_same(shell: Shell, to: str) -> None:
    done = shell(f'"$S" check nowhere.yaml --json {to}')
    said = done.stderr.decode()
    assert done.returncode in (2, 5)
    assert len(said.splitlines()) == 1, said
    assert "nowhere.yaml" in said or "standard output" in said


@pytest.mark.parametrize("to", ["2> /dev/full", "2>&-"])
def test_remarks_that_cannot_be_written_end_nothing(shell: Shell, problem: Path, to: str) -> None:
    line = f'"$S" size problem.yaml --budget 2 --optimizer sobol --out run --no-report --json {to}'
    done = shell(line)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["trials"]["ended"] == 2


def test_no_file_takes_the_place_of_a_closed_stream(shell: Shell, problem: Path) -> None:
    """Whatever is printed would else land in the first file to be opened."""
    (problem.parent / "loud.py").write_text(
        "import os\ndef more(waves):\n    os.write(2, b'x' * 4096)\n    return {'extra': 1.0}\n"
    )
    text = problem.read_text()
    problem.write_text(
        text.replace("{deck: rc.spice}", "{deck: rc.spice, functions: [loud.py:more]}")
    )
    words = "--budget 2 --optimizer sobol --out run --no-report"
    done = shell(f'"$S" size problem.yaml {words} <&- 2>&-')
    assert done.returncode == 0
    assert b"xxxx" not in (problem.parent / "run" / "study.db").read_bytes()


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["ascii", "latin-1", "C"],
)
def test_characters_that_the_output_has_not(
    shell: Shell, problem: Path, env: dict[str, str]
) -> None:
    table = shell('"$S" simulate problem.yaml', **env)
    assert table.returncode == 0, table.stderr
    assert b"bandwidth" in table.stdout
    document = shell('"$S" check problem.yaml --json', **env)
    assert document.returncode == 0, document.stderr
    encoding = env.get("PYTHONIOENCODING", "ascii")
    assert json.loads(document.stdout.decode(encoding))["ok"] is True
    refused = shell('"$S" simulate problem.yaml --set Ω=1', **env)
    assert refused.returncode == 2
    assert b"spiceloop: " in refused.stderr
    assert b"fault of spiceloop" not in refused.stderr


LOUD = """
import os, subprocess
print("while it is imported")

def more(waves):
    print("by print")
    os.write(1, b"by number\\n")
    subprocess.run(["echo", "by another program"])
    return {"extra": 1.0}
"""


@pytest.mark.parametrize(
    "words",
    [
        "check problem.yaml",
        "simulate problem.yaml",
        "size problem.yaml --budget 3 --optimizer sobol --out run --no-report",
        "size problem.yaml --budget 3 --optimizer sobol --out run --no-report --workers 2",
    ],
)
def test_with_json_nothing_else_is_on_standard_output(
    shell: Shell, problem: Path, words: str
) -> None:
    (problem.parent / "loud.py").write_text(LOUD)
    text = problem.read_text()
    problem.write_text(
        text.replace("{deck: rc.spice}", "{deck: rc.spice, functions: [loud.py:more]}")
    )
    done = shell(f'"$S" {words} --json')
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    for said in ("while it is imported", "by print", "by number", "by another program"):
        assert said in done.stderr.decode()
