"""Every arm starts from the same state, whatever arms were trained before it in the process."""

from __future__ import annotations

import dataclasses

from spiceloop.kws.train import Trainer
from tiny_speech import config, speech, system


def test_an_arm_does_not_depend_on_the_arms_before_it():
    data = speech(samples=4000)
    wanted = config(arms={name: {"filters": "fixed"} for name in ("a", "b")})

    def trainer() -> Trainer:
        return Trainer(wanted, data, system(wanted))

    shared = trainer()
    shared.calibrate()
    shared.run_epoch()
    shared.run_epoch()
    common = shared.state()
    records = []
    for arm in ("a", "b"):
        t = trainer()
        t.load_state(common)
        t.start_arm(arm)
        records += [[dataclasses.replace(t.run_epoch(), arm="", seconds=0.0) for _ in range(2)]]
    assert records[0] == records[1]  # equal settings, so equal to the last bit
