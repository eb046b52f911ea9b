"""`spiceloop codesign` given what cannot be: plain words, the right exit code, nothing lost."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from spiceloop.bridge import export
from spiceloop.kws.run_folder import RunFolder

pytestmark = pytest.mark.ngspice


@pytest.fixture
def run(inside, place):
    """Run on the shared data; further words last."""

    def go(*words):
        return inside(
            "codesign", place.config, "--data", place.data, "--threads", 1, "--no-report", *words
        )

    return go


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--device", "cuda"], 3, "device 'cuda' is not there"),
        (["--device", "tpu"], 2, "--device tpu: expected cpu or cuda"),
        (["--threads", "0"], 2, "--threads 0: expected 1 or more"),
        (["--seed", "-1"], 2, "--seed -1: expected 0 or more"),
        (["--set", "training.rat=1"], 2, "training.rat: unknown key"),
        (["--set", "training.rate"], 2, "expected KEY=VALUE"),
        (["--set", "bank.q=much"], 2, "bank.q:"),
        (["--set", "classifier=resnet"], 2, "no classifier 'resnet'"),
        (["--set", "training.batch=5000"], 4, "do not fill one batch of 5000"),
        (["--set", "features.hop=7u"], 2, "no whole number of samples"),
        (["--set", "data.words=[yes, maybe]"], 2, "maybe"),
        (["--set", "spice.tolerance=1e-20"], 4, "SPICE contradicts the model in channel"),
    ],
)
def test_a_run_that_cannot_be(run, monkeypatch, words, code, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = run("--out", "new", *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["codesign", "nothing.yaml", "--data", "."], "no configuration 'nothing.yaml'"),
        (["codesign", "dem"], "did you mean 'demo'?"),
        (["codesign", "speech_commands"], "give the recordings by --data DIR"),
        (["codesign", "demo", "--data", "nowhere"], "no such folder"),
        (["codesign", "."], "is a folder; name the configuration file"),
        (["codesign", "resume", "."], "holds no co-design run"),
        (["codesign", "report", "nowhere"], "holds no co-design run"),
        (["codesign", "evaluate", "."], "holds no co-design run"),
        (["codesign", "export", ".", "--arm", "x", "--out", "y"], "holds no co-design run"),
    ],
)
def test_what_is_not_there(inside, words, said):
    done = inside(*words)
    assert done.returncode == 2
    assert said in done.stderr


def test_options_before_the_configuration(inside, place):
    done = inside("codesign", "--seed", "-1", place.config, "--data", place.data)
    assert "--seed -1: expected 0 or more" in done.stderr


def test_errors_as_a_document(run):
    done = run("--out", "new", "--set", "bank.q=0", "--set", "arms.a.filters=loose", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "ConfigError"
    assert len(error["mistakes"]) == 2


def test_a_folder_that_holds_a_run_already(run, place):
    before = (place.run / "config.json").read_bytes()
    done = run("--out", place.run)
    assert done.returncode == 2
    assert f"spiceloop codesign resume {place.run}" in done.stderr
    assert (place.run / "config.json").read_bytes() == before


def test_a_loss_that_is_no_number(run, inside, tmp_path):
    done = run(
        "--out", "new", "--set", "training.rate=1e30", "--set", "training.classifier_epochs=3"
    )
    assert done.returncode == 4
    assert "the loss is" in done.stderr
    assert "the last finished epoch is kept" in done.stderr
    kept = RunFolder(tmp_path / "new")
    assert (tmp_path / "new" / "start.json").is_file()
    assert all(r.loss == r.loss for r in kept.records())
    shown = inside("codesign", "report", "new")
    assert shown.returncode == 0, shown.stderr


def test_other_data(inside, copied, place, tmp_path):
    run = copied()
    (run / "learned.pt").unlink()
    shutil.copytree(place.data, tmp_path / "other")
    (tmp_path / "other" / "yes" / "a1_nohash_0.wav").unlink()
    done = inside("codesign", "resume", run, "--data", tmp_path / "other", "--threads", 1)
    assert done.returncode == 2
    assert "was trained on other data" in done.stderr


def test_data_that_moved_away(inside, copied):
    run = copied()
    head = json.loads((run / "config.json").read_text())
    head["data"]["source"] = "/nowhere/at/all"
    (run / "config.json").write_text(json.dumps(head))
    done = inside("codesign", "resume", run)
    assert done.returncode == 2
    assert "/nowhere/at/all, no longer there; give --data" in done.stderr


def test_other_classes_cannot_be_evaluated(inside, copied, place, tmp_path):
    run = copied()
    head = json.loads((run / "config.json").read_text())
    head["config"]["data"]["words"] = ["yes", "cat"]
    (run / "config.json").write_text(json.dumps(head))
    done = inside("codesign", "evaluate", run)
    assert done.returncode == 2
    assert "these data have the classes yes, cat" in done.stderr


@pytest.mark.parametrize("command", ["resume", "evaluate", "export"])
def test_a_damaged_checkpoint(inside, copied, command):
    run = copied()
    file = run / "learned.pt"
    file.write_bytes(file.read_bytes()[:1000])
    words = ["--arm", "learned", "--out", "x"] if command == "export" else []
    if command == "evaluate":
        words = ["--arm", "learned"]
    done = inside("codesign", command, run, *words)
    assert done.returncode == 2
    assert "learned.pt cannot be read" in done.stderr


@pytest.mark.parametrize("command", ["resume", "report", "evaluate"])
def test_a_damaged_configuration(inside, copied, command):
    run = copied()
    (run / "config.json").write_text('{"config": {"name": ')
    done = inside("codesign", command, run)
    assert done.returncode == 2
    assert "config.json cannot be read" in done.stderr


def test_arms_that_are_not_there(inside, copied):
    run = copied()
    done = inside("codesign", "evaluate", run, "--arm", "lerned")
    assert done.returncode == 2
    assert "has no arm 'lerned' (did you mean 'learned'?)" in done.stderr
    (run / "learned.bank.json").unlink()
    done = inside("codesign", "export", run, "--arm", "learned", "--out", "x")
    assert done.returncode == 2
    assert "not trained to its end yet" in done.stderr


def test_what_is_not_installed(inside, place, run, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    done = inside("codesign", "export", place.run, "--arm", "fixed", "--out", "x")
    assert done.returncode == 3
    assert "pip install 'spiceloop[onnx]'" in done.stderr
    assert "--no-onnx" in done.stderr
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    done = run("--out", "new", "--tensorboard")
    assert done.returncode == 3
    assert "pip install 'spiceloop[tensorboard]'" in done.stderr


def test_a_full_disk(inside, place, small_disk, run):
    done = run("--out", small_disk / "run", "--set", "training.classifier_epochs=5")
    assert done.returncode == 5, done.stderr
    assert "No space left on device" in done.stderr
    kept = RunFolder(small_disk / "run")
    state = kept.last_state()
    assert state is not None
    assert state["epoch"] >= 1
    assert not [p for p in kept.path.iterdir() if p.name.startswith(".")]
