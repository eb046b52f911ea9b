"""How long is one epoch of co-design, filters learned? No data needed: clips of noise do.

python benchmarks/epoch.py                     # 10,000 clips, all cores
python benchmarks/epoch.py --threads 1 --fixed
python benchmarks/epoch.py --device cuda       # clips, filters and features stay on the card
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from spiceloop.filterbank import WeakInversion
from spiceloop.kws.clips import Clips, SpeechData
from spiceloop.kws.config import parse_config
from spiceloop.kws.system import build_system
from spiceloop.kws.train import Trainer

RATE = 16_000
CLASSES = tuple("abcdefghij")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--threads", type=int, help="default: as torch chooses")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--fixed", action="store_true", help="filters do not learn")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    config = parse_config(
        {
            "name": "epoch",
            "training": {"classifier_epochs": 0, "joint_epochs": 3},
            "arms": {
                "fixed": {"filters": "fixed"},
                "learned": {"power": 0.1, "area": 0.1},
            },
        }
    )
    system = build_system(config, WeakInversion(), len(CLASSES), RATE).to(options.device)
    trainer = Trainer(config, noise_like(options.clips), system)
    trainer.start_arm("fixed" if options.fixed else "learned")
    trainer.run_epoch()  # compiles the kernels
    seconds = [trainer.run_epoch().seconds for _ in range(2)]
    what = "fixed" if options.fixed else "learned"
    print(
        f"{options.clips} clips, filters {what}, {options.device}, "
        f"{torch.get_num_threads()} threads: {min(seconds):.1f} to {max(seconds):.1f} s an epoch"
    )


def noise_like(count: int) -> SpeechData:
    """Clips of noise with random labels, and a minute of noise to mix in."""
    rng = np.random.default_rng(0)

    def clips(number: int) -> Clips:
        audio = rng.integers(-3000, 3000, (number, RATE), dtype=np.int16)
        names = np.array([str(k) for k in range(number)])
        return Clips(audio, rng.integers(len(CLASSES), size=number), CLASSES, names, names)

    noise = rng.normal(0, 0.1, 60 * RATE).astype(np.float32)
    return SpeechData(
        clips(count), clips(100), clips(100), (noise,), ("noise",), (), (), RATE, "noise"
    )


if __name__ == "__main__":
    main()
