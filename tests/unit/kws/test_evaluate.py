"""Hearing the test clips: conditions, counts, and that the test noise repeats."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from spiceloop.kws.evaluate import Condition, accuracy, conditions, evaluate, hear
from spiceloop.kws.mixing import CLEAN
from tiny_speech import config, speech, system


@pytest.fixture(scope="module")
def data():
    return speech(samples=4000)


class Spy(nn.Module):
    """Keeps what it is given to hear, and says class 0 each time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.heard: list[torch.Tensor] = []

    def forward(self, wave: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        assert not self.training
        self.heard.append(wave)
        return torch.nn.functional.one_hot(torch.zeros(len(wave), dtype=torch.long), 4).float()


def test_conditions(data):
    names = [(c.noise, c.snr) for c in conditions(data, [20, 5], by_kind=True)]
    assert names == [
        ("clean", CLEAN), ("known", 20), ("known", 5), ("unseen", 20), ("unseen", 5),
        ("unseen:rain", 5), ("unseen:dog", 5),
    ]  # fmt: skip
    assert len(conditions(data, [20, 5])) == 5
    quiet = dataclasses.replace(data, noise_unseen=(), noise_unseen_names=())
    assert [c.noise for c in conditions(quiet, [20], by_kind=True)] == ["clean", "known"]


def test_counts_and_accuracy(data):
    spy = Spy()
    (found,) = evaluate(spy, data, [Condition("clean", CLEAN)])
    assert found.accuracy == pytest.approx((data.test.label == 0).mean())
    table = found.confusion(4)
    assert table.sum() == len(data.test)
    assert table[:, 0].tolist() == list(data.test.counts().values())
    assert accuracy([found]) == {"clean": found.accuracy}


def test_labels_of_conditions(data):
    heard = evaluate(Spy(), data, conditions(data, [7.5]))
    assert list(accuracy(heard)) == ["clean", "known 7.5", "unseen 7.5"]


def test_known_noise_is_what_training_never_heard(data):
    """Each recording is positive where training may hear it and negative where the test does."""
    size = 20_000
    signs = np.where(np.arange(size) < 0.8 * size, 0.1, -0.1).astype(np.float32)
    marked = dataclasses.replace(data, noise_train=(signs, signs))
    spy = Spy()
    evaluate(spy, marked, [Condition("known", 0.0)])
    own = torch.from_numpy(np.array(data.test.audio)).float() / 32768
    added = torch.cat(spy.heard) - own
    assert (added < 0).all()


def test_one_kind_of_unseen_noise(data):
    kinds = dataclasses.replace(
        data,
        noise_unseen=tuple(np.full(9000, v, np.float32) for v in (0.1, -0.1, 0.1)),
        noise_unseen_names=("rain 1", "dog 1", "rain 2"),
    )
    spy = Spy()
    evaluate(spy, kinds, [Condition("unseen:dog", 0.0)])
    own = torch.from_numpy(np.array(data.test.audio)).float() / 32768
    assert (torch.cat(spy.heard) - own < 0).all()


def test_the_same_is_heard_each_time_and_the_system_is_left_as_it_was(data):
    whole = system(config())
    whole.train()
    condition = Condition("unseen", 5.0)
    first, again = (evaluate(whole, data, [condition])[0] for _ in range(2))
    assert np.array_equal(first.predicted, again.predicted)
    assert whole.training
    whole.eval()
    hear(whole, data.val, Condition("clean", CLEAN), None)
    assert not whole.training


def test_progress_and_other_clips(data):
    told = []
    wanted = conditions(data, [5])
    evaluate(Spy(), data, wanted, clips=data.val, progress=lambda *n: told.append(n))
    assert told == [(1, 3), (2, 3), (3, 3)]
