"""Configurations: defaults, engineering notation, every mistake at once with its line."""

from __future__ import annotations

import json

import pytest

from spiceloop.errors import ConfigError
from spiceloop.kws.config import load_config, parse_config


def written(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_what_is_not_said_has_a_default(tmp_path):
    config = load_config(written(tmp_path, "name: a\n"))
    assert (config.bank.channels, config.bank.capacitor, config.bank.q) == (16, 3.2e-12, 2.0)
    assert {k: v.filters for k, v in config.arms.items()} == {
        "fixed": "fixed",
        "learned": "learned",
    }
    assert config.epochs == config.training.classifier_epochs + config.training.joint_epochs


def test_numbers_as_people_write_them(tmp_path):
    text = "name: a\nbank: {high: 8k, capacitor: 1p, capacitor_floor: 0.5p}\ntraining: {rate: 5m}\n"
    config = load_config(written(tmp_path, text))
    assert config.bank.high == 8000.0
    assert config.bank.capacitor == 1e-12
    assert config.training.rate == 5e-3


def test_every_mistake_with_its_line(tmp_path):
    text = "name: a\nbank:\n  chanels: 3\n  q: much\ntraining:\n  batch: 1\n  rate: 1M\n"
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    told = caught.value.mistakes
    assert len(told) == 4
    assert told[0].startswith("config.yaml:3: bank.chanels: unknown key")
    assert told[1].startswith("config.yaml:4: bank.q:")
    assert told[2].startswith("config.yaml:6: training.batch: expected")
    assert told[3].startswith("config.yaml:7: training.rate:")
    assert "SPICE reads M as milli" in told[3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("bank: {}\n", "name: is missing"),
        ("name: 3x\n", "name:"),
        ("name: a\nbank: {low: 5k, high: 1k}\n", "0 < low < high"),
        ("name: a\nbank: {capacitor: 0.1p}\n", "capacitor_floor <= capacitor"),
        ("name: a\nbank: {q: 0}\n", "must be positive"),
        ("name: a\narms: {}\n", "arms:"),
        ("name: a\ndata: {words: [yes, up]}\n", 'quote them: "yes"'),
        ("name: a\nspice: {tolerance: .inf}\n", "spice.tolerance"),
        ("name: a\nname: b\n", "given twice"),
        ("name: [a\n", "no valid YAML"),
    ],
)
def test_what_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        load_config(written(tmp_path, text))


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no configuration .*nothing\.yaml"):
        load_config(tmp_path / "nothing.yaml")


def test_json_gives_the_same_configuration_back():
    config = parse_config({"name": "a", "bank": {"q": 4}, "noise": None, "data": {"words": ["x"]}})
    text = json.dumps(config.as_json(), allow_nan=False)
    assert parse_config(json.loads(text)) == config


def test_what_closes_the_scaling_trap_is_said():
    both = parse_config({"name": "a"})
    assert "thermal noise against a full scale of 100 mV" in both.trap
    assert "no capacitor below 800 fF" in both.trap
    floor = parse_config({"name": "a", "noise": None, "bank": {"capacitor_floor": "1p"}})
    assert floor.trap == "no capacitor below 1 pF"
