"""Training: one phase with fixed filters, then every arm from the same point on.

All randomness follows from (seed, epoch, step), and a checkpoint is written after every epoch, so a
run that is interrupted goes on with the numbers of one that was not.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from spiceloop.errors import DataError, TrainingError
from spiceloop.kws.clips import SpeechData
from spiceloop.kws.config import COMMON, Arm, Config
from spiceloop.kws.evaluate import Condition, hear
from spiceloop.kws.loss import Loss
from spiceloop.kws.mixing import CLEAN, Noise, TrainingSet
from spiceloop.kws.noise import split_noise
from spiceloop.kws.system import System, make_costs

__all__ = ["COMMON", "EpochRecord", "Trainer", "learning_rate"]

_WARM_UP = 0.15  # of all steps
_CALIBRATION = 10  # batches

Inspect = Callable[[System, str, int], Mapping[str, Any]]
OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one arm. ``power`` in W, ``area`` in m², ``noise`` in V rms a channel.

    ``spice`` is what the inspection after the epoch found, ``validation`` the accuracy on the
    validation clips, clean.
    """

    arm: str
    epoch: int
    loss: float
    cross_entropy: float
    power: float
    area: float
    validation: float
    seconds: float
    rate: float
    f0: tuple[float, ...]
    q: tuple[float, ...]
    gain: tuple[float, ...]
    noise: tuple[float, ...]
    spice: Mapping[str, Any] = field(default_factory=dict)


def learning_rate(done: float) -> float:
    """Return the rate as a part of its peak after the part ``done`` of all steps.

    A linear rise, then half a cosine to zero (Smith and Topin, "Super-convergence", 2018).
    """
    if done < _WARM_UP:
        return 0.05 + 0.95 * done / _WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))


class Trainer:
    """Trains one system in place. `state` and `load_state` carry everything that changes.

    ``arm`` is `COMMON` until `start_arm`.
    """

    def __init__(self, config: Config, data: SpeechData, system: System) -> None:
        self.config = config
        self.data = data
        self.system = system
        self.device = str(next(system.parameters()).device)
        if not data.noise_train:
            raise DataError(
                "the data have no noise to train with; put recordings into noise_train/ or "
                "_background_noise_/ of their folder"
            )
        if not len(data.val):
            raise DataError(
                "the data have no validation clips, which every epoch is told by; put some clips "
                "of the training speakers' words into the split val"
            )
        noise = Noise(split_noise(data.noise_train)[0], data.samples, self.device)
        self.examples = TrainingSet(data.train, noise, config.mixing, data.sample_rate, self.device)
        self.steps = len(self.examples) // config.training.batch
        if not self.steps:
            raise TrainingError(
                f"{len(self.examples)} training examples do not fill one batch of "
                f"{config.training.batch}; use a smaller training.batch or more data"
            )
        self.arm = COMMON
        self.epoch = 0
        self._weights = Arm(filters="fixed")
        self._loss = self._new_loss()
        t = config.training
        self._optimizer = torch.optim.AdamW(
            system.classifier.parameters(), lr=t.rate, weight_decay=t.weight_decay
        )
        self._filters = torch.optim.Adam(system.bank.parameters(), lr=t.filter_rate)

    def calibrate(self) -> None:
        """Fix the features' gain and offset from the first training batches."""
        batches = self.examples.epoch(self.config.seed, 0, self.config.training.batch)
        waves = [b.waveform for b, _ in zip(batches, range(_CALIBRATION), strict=False)]
        self.system.front_end.calibrate(waves, self._generator(0, 0))

    def start_arm(self, name: str) -> None:
        """Leave the common phase: set the arm's weights and scale the bank as it asks."""
        self.arm = name
        self._weights = self.config.arms[name]
        self._loss.weights = self._weights.weights
        if self._weights.scale != 1.0:
            bank = self.system.bank
            scaled = bank.elements().scaled(gm=self._weights.scale, c=self._weights.scale)
            bank.set_elements_(scaled)
            bank.project_()

    def run_epoch(
        self, on_step: OnStep | None = None, inspect: Inspect | None = None
    ) -> EpochRecord:
        """Train one epoch. Raises `TrainingError` for a loss that is no number."""
        began = time.perf_counter()
        learn = self._weights.filters == "learned"
        for p in self.system.bank.parameters():
            p.requires_grad_(learn)
        self.system.train()
        total = ce = 0.0
        epochs = self.config.epochs
        batches = self.examples.epoch(self.config.seed, self.epoch, self.config.training.batch)
        rate = 0.0
        for step, batch in enumerate(batches):
            rate = learning_rate((self.epoch + step / self.steps) / epochs)
            self._set_rates(rate, step)
            logits = self.system(batch.waveform, self._generator(self.epoch, step))
            terms = self._loss(logits, batch.label, self.system.bank)
            value = float(terms.total.detach())
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} in arm {self.arm}, epoch {self.epoch + 1}, step "
                    f"{step + 1} of {self.steps}; the last finished epoch is kept. Lower "
                    "training.rate or training.filter_rate and start anew"
                )
            self._optimizer.zero_grad()
            self._filters.zero_grad()
            terms.total.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            if learn:
                self._filters.step()
                self.system.bank.project_()
            total += value
            ce += float(terms.classification.detach())
            if on_step:
                on_step(step + 1, self.steps, total / (step + 1))
        self.epoch += 1
        return self._record(total / self.steps, ce / self.steps, rate, began, inspect)

    def state(self) -> dict[str, Any]:
        """Return everything that a resumed run needs."""
        return {
            "arm": self.arm,
            "epoch": self.epoch,
            "system": self.system.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "filters": self._filters.state_dict(),
            "start": (self._loss.start_power, self._loss.start_area),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to a `state`."""
        self.arm, self.epoch = state["arm"], state["epoch"]
        self._weights = Arm(filters="fixed") if self.arm == COMMON else self.config.arms[self.arm]
        self.system.load_state_dict(state["system"])
        # Copies: an optimizer goes on in the tensors it is given; all arms start from one state.
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._filters.load_state_dict(copy.deepcopy(state["filters"]))
        self._loss = self._new_loss()
        self._loss.start_power, self._loss.start_area = state["start"]

    def _new_loss(self) -> Loss:
        smoothing = self.config.training.label_smoothing
        costs = make_costs(self.config.bank)
        return Loss(self.system.bank, self._weights.weights, costs, smoothing)

    def _set_rates(self, rate: float, step: int) -> None:
        t = self.config.training
        for group in self._optimizer.param_groups:
            group["lr"] = t.rate * rate
        done = (self.epoch - t.classifier_epochs + step / self.steps) / t.joint_epochs
        for group in self._filters.param_groups:
            group["lr"] = t.filter_rate * 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))

    def _generator(self, epoch: int, step: int) -> torch.Generator:
        seed = np.random.SeedSequence((self.config.seed, epoch, step)).generate_state(1)[0]
        return torch.Generator().manual_seed(int(seed))

    @torch.no_grad()
    def _record(
        self, loss: float, ce: float, rate: float, began: float, inspect: Inspect | None
    ) -> EpochRecord:
        bank = self.system.bank
        costs = make_costs(self.config.bank)
        transfer = bank.transfer()
        found = inspect(self.system, self.arm, self.epoch) if inspect else {}
        heard = hear(self.system, self.data.val, Condition("clean", CLEAN), None)
        excess = self.config.noise.excess if self.config.noise else 1.0
        return EpochRecord(
            arm=self.arm,
            epoch=self.epoch,
            loss=loss,
            cross_entropy=ce,
            power=float(bank.power(costs).sum()),
            area=float(bank.area(costs).sum()),
            validation=heard.accuracy,
            seconds=time.perf_counter() - began,
            rate=rate * self.config.training.rate,
            f0=tuple(transfer.f0.tolist()),
            q=tuple(transfer.q.tolist()),
            gain=tuple(transfer.gain.tolist()),
            noise=tuple(bank.noise(excess).tolist()),
            spice=found,
        )
