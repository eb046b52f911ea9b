"""Settings and data that training cannot use are told before anything is trained."""

from __future__ import annotations

import dataclasses

import pytest

from spiceloop.errors import ConfigError, DataError
from spiceloop.kws.config import parse_config
from spiceloop.kws.train import Trainer
from tiny_speech import clips, config, speech, system


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": {"hop": 0}}, "features: expected positive numbers, got hop 0"),
        ({"features": {"agc_time": -1, "offset": 0}}, "got offset 0, agc_time -1"),
        ({"noise": {"full_scale": 0}}, "noise: expected a positive full_scale"),
        ({"mixing": {"snr": [20, 5]}}, "lowest, then the highest"),
        ({"mixing": {"clean_share": 1.5}}, "expected 0 to 1, got 1.5"),
        ({"mixing": {"shift": -0.1}}, "must not be negative"),
        ({"training": {"rate": 0}}, "training.rate: expected greater than 0"),
        ({"training": {"label_smoothing": 1}}, "training.label_smoothing"),
        ({"arms": {"a": {"scale": 0}}}, "arms.a.scale"),
        ({"arms": {"a": {"power": -0.1}}}, "arms.a.power"),
        ({"arms": {"common": {}}}, "'common' is the phase before the arms"),
        ({"arms": {"../a": {}}}, "arms"),
        ({"bank": {"gm_law": "ekv", "n": 1.3}}, "both n and specific_current, or neither"),
        ({"bank": {"specific_current": "1n"}}, "specific_current is for gm_law: ekv"),
        ({"bank": {"n": -1}}, "n and specific_current must be positive"),
        ({"bank": {"temperature": -300}}, "below absolute zero"),
        ({"spice": {"tolerance": 0}}, "spice.tolerance"),
    ],
)
def test_a_configuration_out_of_range(changes, said):
    with pytest.raises(ConfigError, match=said.replace("../", r"\.\./")):
        parse_config({"name": "a", **changes})


@pytest.mark.parametrize(
    ("bank", "channels"),
    [
        ({"high": "9k"}, "4"),
        ({"low": 20}, "1"),
        ({"q": 0.2}, "1, 2, 3, 4"),
        ({"gain": 100}, "1, 2, 3, 4"),  # C1 = C/√gain is below the floor
        ({"current_floor": "1n"}, "1, 2"),
    ],
)
def test_a_bank_that_starts_outside_its_bounds(bank, channels):
    with pytest.raises(ConfigError, match=f"bank: channels {channels}; expected f0 50 Hz to"):
        system(config(bank=bank))


def test_data_without_noise_or_validation_clips():
    wanted, data = config(), speech(samples=4000)
    whole = system(wanted)
    with pytest.raises(DataError, match="no noise to train with"):
        Trainer(wanted, dataclasses.replace(data, noise_train=(), noise_train_names=()), whole)
    none = clips("val", 0, samples=4000)
    with pytest.raises(DataError, match="no validation clips"):
        Trainer(wanted, dataclasses.replace(data, val=none), whole)
