"""Python that a problem file or configuration names runs only where the file is the user's own."""

import json
import os
import shutil

import pytest

import spiceloop
from spiceloop import own_files
from spiceloop.errors import ConfigError, UntrustedPythonError
from spiceloop.examples import path as example
from spiceloop.kws import run_folder
from spiceloop.own_files import not_own
from spiceloop.spec.load import load_problem

PROBLEM = """name: p
testbenches: {t: {deck: d.sp, functions: [f.py:measure]}}
parameters: {r: {minimum: 1, maximum: 2, start: 1}}
metrics: {v: {goal: minimize}}
"""
CODE = """from pathlib import Path
Path(__file__).with_name("ran").touch()
def measure(waves):
    return {"v": 1.0}
"""
DECK = "t\n.param r = 1\nv1 1 0 1\nr1 1 0 {r}\n.op\n.end\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "problem.yaml").write_text(PROBLEM)
    (tmp_path / "f.py").write_text(CODE)
    (tmp_path / "d.sp").write_text(DECK)
    tmp_path.chmod(0o700)
    return tmp_path


def of_another_user(path):
    os.chown(path, 12345, -1)


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
STRANGERS = {
    "file of everybody": lambda f: (f / "problem.yaml").chmod(0o666),
    "code of everybody": lambda f: (f / "f.py").chmod(0o666),
    "folder of everybody": lambda f: f.chmod(0o777),
    "sticky folder of everybody": lambda f: f.chmod(0o1777),
    "file of another user": lambda f: of_another_user(f / "problem.yaml"),
    "code of another user": lambda f: of_another_user(f / "f.py"),
    "folder of another user": lambda f: of_another_user(f),
}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, marks=root if "another" in name else (), id=name)
        for name, make in STRANGERS.items()
    ],
)
def test_a_strangers_python_does_not_run(folder, make):
    assert load_problem(folder / "problem.yaml").name == "p"  # it is the user's own so far
    make(folder)
    with pytest.raises(UntrustedPythonError, match="--trust-python"):
        load_problem(folder / "problem.yaml")
    assert load_problem(folder / "problem.yaml", trust_python=True).name == "p"


def test_a_group_may_write_only_if_it_is_the_users_alone(folder, monkeypatch):
    (folder / "f.py").chmod(0o664)
    monkeypatch.setattr(own_files, "_private_group", lambda group: True)
    assert not not_own(folder / "f.py")
    monkeypatch.setattr(own_files, "_private_group", lambda group: False)
    assert "group" in not_own(folder / "f.py")


def test_a_downloaded_file_that_says_so_is_not_ones_own(folder):
    try:
        os.setxattr(folder / "problem.yaml", "user.xdg.origin.url", b"https://example.org/p.yaml")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    with pytest.raises(UntrustedPythonError, match=r"downloaded from 'https://example\.org"):
        load_problem(folder / "problem.yaml")


def test_a_link_to_a_strangers_file_is_a_strangers(folder, tmp_path_factory):
    mine = tmp_path_factory.mktemp("mine")
    (mine / "problem.yaml").symlink_to(folder / "problem.yaml")
    (mine / "f.py").symlink_to(folder / "f.py")
    load_problem(mine / "problem.yaml")
    folder.chmod(0o777)
    with pytest.raises(UntrustedPythonError):
        load_problem(mine / "problem.yaml")


def test_a_path_that_climbs_out_is_looked_at_where_it_leads(folder, tmp_path_factory):
    mine = tmp_path_factory.mktemp("mine")
    there = os.path.relpath(folder / "f.py", mine)
    (mine / "problem.yaml").write_text(PROBLEM.replace("f.py", there))
    load_problem(mine / "problem.yaml")
    folder.chmod(0o777)
    with pytest.raises(UntrustedPythonError, match=r"f\.py is not yours"):
        load_problem(mine / "problem.yaml")


def test_a_strangers_problem_without_python_is_fine(folder):
    text = PROBLEM.replace(", functions: [f.py:measure]", "")
    (folder / "problem.yaml").write_text(text)
    folder.chmod(0o777)
    assert load_problem(folder / "problem.yaml").name == "p"


def test_figures_are_python_too(folder):
    text = PROBLEM.replace(", functions: [f.py:measure]", "") + "figures: [f.py:measure]\n"
    (folder / "problem.yaml").write_text(text)
    folder.chmod(0o777)
    with pytest.raises(UntrustedPythonError):
        load_problem(folder / "problem.yaml")


def test_the_examples_are_ones_own_whoever_installed_them(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert load_problem(example("transconductor") / "problem.yaml").figures


@pytest.mark.ngspice
def test_the_python_interface_asks_for_trust(folder):
    out = folder.parent / f"{folder.name}_out"
    folder.chmod(0o777)
    file = folder / "problem.yaml"
    for call in (spiceloop.simulate, spiceloop.size):
        with pytest.raises(UntrustedPythonError):
            call(file)
    assert not (folder / "ran").exists()
    assert spiceloop.simulate(file, trust_python=True).metrics["v"] == 1
    assert (folder / "ran").exists()
    spiceloop.size(file, budget=1, initial=1, optimizer="sobol", out=out, trust_python=True)
    for call in (spiceloop.open_study, spiceloop.resume):
        with pytest.raises(UntrustedPythonError):
            call(out)
        assert call(out, trust_python=True).trials
    shutil.rmtree(out)


CONFIG = "name: c\nclassifier: antigravity:Class\n"


def test_a_strangers_classifier_is_not_imported(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG)
    assert spiceloop.load_config(file).classifier == "antigravity:Class"
    tmp_path.chmod(0o777)
    with pytest.raises(UntrustedPythonError, match="antigravity:Class"):
        spiceloop.load_config(file)
    assert spiceloop.load_config(file, trust_python=True).classifier == "antigravity:Class"
    file.write_text("name: c\nclassifier: [1\n")
    with pytest.raises(ConfigError):
        spiceloop.load_config(file)


def test_a_strangers_run_folder_does_not_choose_the_classifier(tmp_path):
    head = {k: {} for k in run_folder._HEAD} | {"config": {"classifier": "antigravity:Class"}}
    (tmp_path / "config.json").write_text(json.dumps(head))
    assert run_folder.RunFolder.open(tmp_path).exists()
    (tmp_path / "config.json").chmod(0o666)
    with pytest.raises(UntrustedPythonError, match="antigravity:Class"):
        run_folder.RunFolder.open(tmp_path)
    assert run_folder.RunFolder.open(tmp_path, trust_python=True).exists()
