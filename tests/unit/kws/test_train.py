"""Training: what learns in which phase, exact resumption, a loss that is no number."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest
import torch

from spiceloop.errors import TrainingError
from spiceloop.kws.train import COMMON, Trainer, learning_rate
from tiny_speech import config, speech, system


@pytest.fixture(scope="module")
def data():
    return speech(samples=4000)


def trainer(data, wanted=None) -> Trainer:
    wanted = wanted or config()
    return Trainer(wanted, data, system(wanted))


def plain(record):
    """A record without the wall clock."""
    return dataclasses.replace(record, seconds=0.0)


def saved(state):
    """What a state is after it was on disk."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def filters(t: Trainer) -> list[torch.Tensor]:
    return [p.detach().clone() for p in t.system.bank.parameters()]


def test_rate_rises_then_falls_to_nothing():
    parts = np.linspace(0, 1, 201)
    rates = np.array([learning_rate(p) for p in parts])
    assert rates[0] == pytest.approx(0.05)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    top = int(rates.argmax())
    assert rates[top] == pytest.approx(1.0)
    assert parts[top] == pytest.approx(0.15)
    assert np.all(np.diff(rates[: top + 1]) > 0)
    assert np.all(np.diff(rates[top:]) < 0)


def test_filters_stay_in_the_common_phase_and_in_a_fixed_arm(data):
    t = trainer(data)
    t.calibrate()
    before = filters(t)
    weights = [p.detach().clone() for p in t.system.classifier.parameters()]
    t.run_epoch()
    t.start_arm("fixed")
    t.run_epoch()
    assert all(torch.equal(a, b) for a, b in zip(before, filters(t), strict=True))
    moved = zip(weights, t.system.classifier.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in moved)


def test_a_learned_arm_moves_every_filter_parameter(data):
    t = trainer(data)
    t.calibrate()
    t.run_epoch()
    t.run_epoch()
    before = filters(t)
    start = t.system.bank.power(t._loss.costs).detach().sum()
    t.start_arm("learned")
    record = t.run_epoch()
    assert all((a != b).all() for a, b in zip(before, filters(t), strict=True))
    assert record.power != pytest.approx(float(start))
    assert record.loss > record.cross_entropy  # the costs count


def test_an_arm_may_begin_with_a_scaled_bank(data):
    wanted = config(arms={"half": {"filters": "fixed", "scale": 0.5}})
    t = trainer(data, wanted)
    t.calibrate()
    first = t.run_epoch()
    t.start_arm("half")
    record = t.run_epoch()
    assert record.power == pytest.approx(first.power / 2)
    assert record.area == pytest.approx(first.area / 2)
    assert record.f0 == pytest.approx(first.f0)
    assert record.q == pytest.approx(first.q)
    assert record.noise == pytest.approx([v * math.sqrt(2) for v in first.noise])  # kT/C


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_resumed_after_any_epoch_the_numbers_are_the_same(data, cut):
    whole = trainer(data)
    whole.calibrate()
    expected = []
    for number in range(4):
        if number == 2:
            whole.start_arm("learned")
        expected.append(plain(whole.run_epoch()))

    first = trainer(data)
    first.calibrate()
    found = []
    for number in range(cut):
        if number == 2:
            first.start_arm("learned")
        found.append(plain(first.run_epoch()))
    second = trainer(data)
    second.load_state(saved(first.state()))
    for number in range(cut, 4):
        if number == 2:
            second.start_arm("learned")
        found.append(plain(second.run_epoch()))
    assert found == expected  # to the last bit
    end, other = whole.system.state_dict(), second.system.state_dict()
    assert all(torch.equal(end[k], other[k]) for k in end)


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(data):
    def first_epoch(seed: int):
        t = trainer(data, config(seed=seed))
        t.calibrate()
        torch.manual_seed(seed + 17)  # the process's own generator plays no part
        return plain(t.run_epoch())

    assert first_epoch(1) == first_epoch(1)
    assert first_epoch(1) != first_epoch(2)


def test_a_loss_that_is_no_number_stops(data):
    t = trainer(data, config(training={"rate": 1e30}))

    def two_epochs():
        t.run_epoch()
        t.run_epoch()

    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) in arm common, epoch \d, step"):
        two_epochs()


def test_too_few_examples_for_a_batch(data):
    with pytest.raises(TrainingError, match="32 training examples do not fill one batch of 33"):
        trainer(data, config(training={"batch": 33}))


def test_steps_are_told_and_the_inspection_is_kept(data):
    t = trainer(data)
    steps, asked = [], []

    def inspect(whole, arm, epoch):
        asked.append((whole is t.system, arm, epoch))
        return {"worst_error": 1e-9}

    record = t.run_epoch(lambda step, of, loss: steps.append((step, of, loss)), inspect)
    assert [(s, n) for s, n, _ in steps] == [(1, 3), (2, 3), (3, 3)]
    assert steps[-1][2] == pytest.approx(record.loss)
    assert asked == [(True, COMMON, 1)]
    assert record.spice == {"worst_error": 1e-9}
