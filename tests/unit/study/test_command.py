"""The command that a report names makes the same study again."""

from __future__ import annotations

import shlex

import pytest

from spiceloop.study.command import size_command
from spiceloop.study.store import Settings, Study


def test_defaults_are_left_out(bench, url):
    study = Study.create(bench, url, Settings(problem_file="/home/me/my circuits/p.yaml"))
    assert shlex.split(size_command(study)) == [
        "spiceloop", "size", "/home/me/my circuits/p.yaml",
        "--budget", "35", "--initial", "10", "--seed", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("optimizer", "nsga2"),
        ("batch", 4),
        ("workers", 2),
        ("simulator", "ngspice-batch"),
        ("learned_from", "runs/a b"),
    ],
)
def test_what_was_chosen_is_named(bench, url, option, value):
    words = shlex.split(size_command(Study.create(bench, url, Settings(**{option: value}))))
    word = "--learn-from" if option == "learned_from" else f"--{option}"
    assert words[words.index(word) + 1] == str(value)


def test_a_storage_and_a_name_of_its_own(bench, tmp_path):
    url = f"journal:///{tmp_path / 'all.log'}"
    words = shlex.split(size_command(Study.create(bench, url, Settings(), name="second")))
    assert words[-4:] == ["--study", url, "--name", "second"]


def test_no_password_gets_into_a_report(bench, url):
    study = Study.create(bench, url, Settings())
    study.url = "postgresql://me:secret@host/studies"
    assert "postgresql://me:***@host/studies" in size_command(study)
