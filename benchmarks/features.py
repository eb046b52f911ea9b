"""Which feature stages earn their place? Short trainings with fixed filters, one change each.

    python benchmarks/features.py --data DIR                 # the table, a quarter of an hour
    python benchmarks/features.py --data DIR --only default --only "no agc, log"

``DIR`` is a folder that `spiceloop data check` accepts (``--split-column`` for a manifest's). The
hop-wise means of every epoch's clips are computed once for each rectifier; the options then differ
only in what they make of them. All share seed, clips, noise and budget. What is heard are the
validation clips, so that the test clips choose nothing. README.md says more.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spiceloop.filterbank import WeakInversion
from spiceloop.kws.clips import SpeechData
from spiceloop.kws.config import Config
from spiceloop.kws.features import Features, FrontEnd
from spiceloop.kws.load import load_data
from spiceloop.kws.mixing import CLEAN, Noise, TrainingSet, heard_in
from spiceloop.kws.model import make_classifier
from spiceloop.kws.noise import split_noise
from spiceloop.kws.system import make_bank
from spiceloop.kws.train import learning_rate

BASE = Features()
OPTIONS: dict[str, Features] = {
    "default": BASE,
    "half-wave": replace(BASE, rectifier="half-wave"),
    "square": replace(BASE, rectifier="square"),
    "window 10 ms": replace(BASE, window=0.010),
    "window 40 ms": replace(BASE, window=0.040),
    "agc, log": replace(BASE, compression="log"),
    "agc 0.1 s": replace(BASE, agc_time=0.1),
    "agc floor 1e-3": replace(BASE, floor=1e-3),
    "no agc, log, floor 1e-3": replace(BASE, normalisation="none", compression="log", floor=1e-3),
    "no agc, log, floor 1e-5": replace(BASE, normalisation="none", compression="log"),
    "no agc, root": replace(BASE, normalisation="none", floor=1e-3),
}
SNR = (None, 10.0, 5.0)  # dB; None is clean
BATCH = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split-column")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=OPTIONS)
    parser.add_argument("--json", type=Path, help="keep the figures here too")
    options = parser.parse_args()
    data = load_data(options.data, split_column=options.split_column)
    wanted = {k: v for k, v in OPTIONS.items() if not options.only or k in options.only}
    found: dict[str, dict[str, float]] = {}
    print("| features | " + " | ".join(map(label, SNR)) + " |\n|---|" + "---|" * len(SNR))
    for rectifier in dict.fromkeys(f.rectifier for f in wanted.values()):
        means = Means(data, rectifier, options.epochs, options.seed)
        for name, features in wanted.items():
            if features.rectifier == rectifier:
                found[name] = means.accuracy(features)
                cells = " | ".join(f"{100 * found[name][label(s)]:.1f}" for s in SNR)
                print(f"| {name} | {cells} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def label(snr: float | None) -> str:
    return "clean" if snr is None else f"{snr:g} dB"


class Means:
    """The rectified means of all training epochs, and of the validation clips at every SNR."""

    def __init__(self, data: SpeechData, rectifier: str, epochs: int, seed: int) -> None:
        self.config = Config(name="features", seed=seed)
        self.classes = len(data.classes)
        self.seed = seed
        self.bank = make_bank(self.config.bank, WeakInversion(), data.sample_rate)
        self.bank.requires_grad_(False)
        self.hop = round(BASE.hop * data.sample_rate)
        noise = Noise(split_noise(data.noise_train)[0], data.samples)
        examples = TrainingSet(data.train, noise, self.config.mixing, data.sample_rate)
        self.epochs = [
            [(self._means(b.waveform, rectifier), b.label) for b in examples.epoch(seed, e, BATCH)]
            for e in range(epochs)
        ]
        kept_back = Noise(split_noise(data.noise_train)[1], data.samples)
        self.heard = {
            label(snr): [
                (self._means(b.waveform, rectifier), b.label)
                for b in heard_in(data.val, kept_back, CLEAN if snr is None else snr, 1)
            ]
            for snr in SNR
        }

    def _means(self, waveform: Tensor, rectifier: str) -> Tensor:
        return self.bank.rectified_means(waveform, self.hop, rectifier).contiguous()

    def accuracy(self, features: Features) -> dict[str, float]:
        """Train a classifier on these features and hear the validation clips."""
        front = FrontEnd(self.bank, features, self.config.noise)
        generator = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            sample = torch.cat([front.from_means(m, generator) for m, _ in self.epochs[0][:10]])
        front.offset = sample.mean((0, 2))[:, None]
        front.gain = 1 / sample.std((0, 2))[:, None]
        torch.manual_seed(self.seed)
        net = make_classifier(self.config.classifier, self.bank.channels, self.classes)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1.2e-2, weight_decay=0.05)
        total, step = sum(map(len, self.epochs)), 0
        for epoch in self.epochs:
            for means, label in epoch:
                for group in optimizer.param_groups:
                    group["lr"] = 1.2e-2 * learning_rate(step / total)
                logits = net(front.from_means(means, generator))
                loss = torch.nn.functional.cross_entropy(logits, label, label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
        net.eval()
        with torch.no_grad():
            return {
                name: float(
                    np.mean(
                        torch.cat(
                            [net(front.from_means(m, generator)).argmax(1) == y for m, y in batches]
                        ).numpy()
                    )
                )
                for name, batches in self.heard.items()
            }


if __name__ == "__main__":
    main()
