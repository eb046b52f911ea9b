"""`spiceloop codesign`: a whole run with SPICE in the loop, and what it says and writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spiceloop.cli.gallery import configurations
from spiceloop.kws.config import load_config

pytestmark = pytest.mark.ngspice


def test_result_as_a_document(place):
    said = place.said
    assert (said["name"], said["ending"]) == ("tiny", "done")
    assert said["epochs"] == {"wanted": 6, "done": 6}
    assert said["data"]["classes"] == ["yes", "no", "_unknown_", "_silence_"]
    assert said["data"]["source"] == str(place.data)
    fixed, learned = said["arms"]["fixed"], said["arms"]["learned"]
    assert fixed["power_change"] == pytest.approx(0, abs=1e-12)
    assert fixed["power"] == pytest.approx(said["start"]["power"])
    assert learned["power_change"] != 0
    assert learned["power"] == pytest.approx(said["start"]["power"] * (1 + learned["power_change"]))
    assert set(learned["accuracy"]) == {
        "clean", "known 10", "known 5", "unseen 10", "unseen 5", "unseen:rain 5", "unseen:dog 5",
    }  # fmt: skip
    for condition, found in learned["against"].items():
        gained = learned["accuracy"][condition] - fixed["accuracy"][condition]
        assert found["difference"] == pytest.approx(gained)
        assert found["low"] <= found["difference"] <= found["high"]
    assert not fixed["against"]
    assert said["report"] == str(place.run / "report.html")


def test_what_it_tells_on_the_way(place):
    lines = place.told.splitlines()
    start = next(i for i, x in enumerate(lines) if x.startswith("device:"))
    assert lines[start] == "device: weak-inversion, n = 1.4000 (stated) at 27 °C"
    assert "f0 200 Hz to 4 kHz, Q 2, gain 1" in lines[start + 1]
    assert "measured by SPICE" in lines[start + 1]
    assert lines[start + 3].startswith("classifier: ds-cnn-small, ")
    assert "no capacitor below 800 fF" in lines[start + 4]
    epochs = [x for x in lines if x.startswith("[")]
    assert [x.split(":")[0] for x in epochs] == [
        "[1/4] classifier", "[2/4] classifier", "[3/4] fixed", "[4/4] fixed", "[3/4] learned",
        "[4/4] learned",
    ]  # fmt: skip
    for part in ("loss", "CE", "validation", "power", "area", "SPICE"):
        assert all(part in x for x in epochs)


def test_spice_saw_the_bank_that_was_trained(place):
    lines = (place.run / "epochs.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        check = line["spice"]
        assert check["worst_error"] < 1e-9
        np.testing.assert_allclose([c["f0"] for c in check["channels"]], line["f0"], rtol=1e-4)
        np.testing.assert_allclose([c["q"] for c in check["channels"]], line["q"], rtol=1e-4)
    start = json.loads((place.run / "start.json").read_text())
    np.testing.assert_allclose(
        [c["f0"] for c in start["channels"]], place.said["start"]["f0"], 1e-4
    )


def test_arms_share_the_common_phase_and_the_fixed_one_keeps_its_filters(place):
    start, fixed, learned = (
        place.said["start"]["f0"],
        json.loads((place.run / "fixed.bank.json").read_text())["f0"],
        json.loads((place.run / "learned.bank.json").read_text())["f0"],
    )
    np.testing.assert_allclose(fixed, start, rtol=1e-12)
    assert np.all(np.abs(np.divide(learned, start) - 1) > 1e-6)


def test_tables_for_people(place, inside, tmp_path):
    done = inside(
        "codesign", place.config, "--data", place.data, "--out", "run", "--threads", 1,
        "--no-report", "--seed", 5, "--set", "training.classifier_epochs=0",
        "--set", "training.joint_epochs=1", "--set", "evaluation.snr=[5]",
        "--set", "arms.learned.power=0.3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert rows[0].split() == ["fixed", "learned"]
    assert rows[1].startswith("power")
    assert any(x.startswith("known noise, 5 dB") for x in rows)
    assert "95 % interval over the same 20 test clips" in done.stdout
    assert not (tmp_path / "run" / "report.html").exists()
    head = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert (head["seed"], head["evaluation"]["snr"], head["arms"]["learned"]["power"]) == (
        5, [5.0], 0.3,
    )  # fmt: skip


@pytest.mark.pdk
def test_the_device_is_characterised_where_the_configuration_does_not_state_it(
    place, inside, tmp_path
):
    done = inside(
        "codesign", place.config, "--data", place.data, "--out", "run", "--threads", 1,
        "--set", "bank.n=none", "--set", "training.classifier_epochs=0",
        "--set", "training.joint_epochs=1", "--set", "evaluation.snr=[]",
        "--set", "bank.gm_law=ekv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "device: ekv, n = 1.4" in done.stderr
    assert "(by SPICE)" in done.stderr
    head = json.loads((tmp_path / "run" / "config.json").read_text())
    assert head["law"]["kind"] == "ekv"
    assert head["characterisation"]["device"] == "nfet_01v8"
    assert "SKY130 nfet_01v8" in (tmp_path / "run" / "report.html").read_text()


def test_tensorboard(place, inside, tmp_path):
    pytest.importorskip("tensorboard")
    done = inside(
        "codesign", place.config, "--data", place.data, "--out", "run", "--threads", 1,
        "--no-report", "--tensorboard", "--set", "training.classifier_epochs=1",
        "--set", "training.joint_epochs=1", "--set", "evaluation.snr=[]",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {"common/loss", "learned/power", "learned/f0/04", "fixed/spice_error"} <= tags
    records = [json.loads(x) for x in (tmp_path / "run" / "epochs.jsonl").read_text().splitlines()]
    learned = next(r for r in records if r["arm"] == "learned")
    (scalar,) = events.Scalars("learned/f0/02")
    assert scalar.step == learned["epoch"]
    assert scalar.value == pytest.approx(learned["f0"][1], rel=1e-6)


def test_bundled_configurations_can_be_used():
    known = configurations()
    assert set(known) == {"demo", "speech_commands"}
    for file in known.values():
        config = load_config(file)
        assert {arm.filters for arm in config.arms.values()} == {"fixed", "learned"}
        assert config.noise is not None


def test_a_bundled_configuration_can_be_copied(inside, tmp_path):
    done = inside("examples", "copy", "keyword_spotting", "mine")
    assert done.returncode == 0
    assert {p.name for p in (tmp_path / "mine").iterdir()} == {
        "README.md", "demo.yaml", "speech_commands.yaml",
    }  # fmt: skip
    assert "spiceloop codesign mine/demo.yaml" in done.stderr
