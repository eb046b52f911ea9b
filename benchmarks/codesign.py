"""Does learning the filters save power and area at equal accuracy? Several seeds, paired.

    python benchmarks/codesign.py --data DIR --out RUNS            # every part, two at a time
    python benchmarks/codesign.py --data DIR --out RUNS --part q2  # one part
    python benchmarks/codesign.py --out RUNS --summary             # table and figures

``DIR`` is a folder with a manifest whose columns ``split_P1`` and ``split_P2`` name the protocols.
Every run is an ordinary `run_codesign` folder below ``RUNS``: SPICE characterises the device and
the start, the classifier is trained with fixed filters, then every arm goes on from that point with
the same seed and budget, checked by SPICE after each epoch. A run that was stopped goes on.
README.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codesign_summary import summarise
from spiceloop.bridge.codesign import Silent, run_codesign
from spiceloop.kws.config import parse_config
from spiceloop.kws.load import load_data
from spiceloop.kws.run_folder import RunFolder
from spiceloop.kws.train import EpochRecord

FIXED: dict[str, Any] = {"filters": "fixed"}
# A Q of 2 and 4 at the start; `limited` is Q = 2 with thermal noise that just matters, `loud` and
# `gained` are the fixed banks of both with twice the gain, by design instead of by learning.
MAIN = {"fixed": FIXED, "learned": {"power": 0.1, "area": 0.1}}
SCALED = {"scaled": {**FIXED, "scale": 0.5}}  # the bank made smaller without learning
HARSH = {"harsh": {"power": 0.3, "area": 0.3}}


@dataclass(frozen=True)
class Part:
    """A question: protocol, Q at the start, arms, number of seeds, other settings."""

    protocol: str
    q: float
    arms: dict[str, Any]
    seeds: int
    mixing: dict[str, Any]
    full_scale: float = 0.1  # V: what thermal noise stands against
    common: str = ""  # another part, whose common phase serves this one too
    gain: float = 1.0  # of every channel's peak at the start


PARTS = {
    "q2": Part("split_P1", 2.0, MAIN | SCALED, 5, {}),
    "q4": Part("split_P1", 4.0, MAIN, 5, {}),
    "limited": Part("split_P1", 2.0, MAIN | HARSH | SCALED, 5, {}, 0.01, "q2"),
    "loud": Part("split_P1", 2.0, {"fixed": FIXED}, 5, {}, gain=2.0),
    "gained": Part("split_P1", 2.0, {"fixed": FIXED}, 5, {}, 0.01, "loud", 2.0),
    "unaware": Part("split_P1", 2.0, {"fixed": FIXED}, 5, {"clean_share": 1.0}),
    "p2": Part("split_P2", 2.0, MAIN, 5, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--seeds", type=int, help="seeds 0 … N-1 instead of each part's own number")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, one thread each")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    parser.add_argument("--one", nargs=2, metavar=("PART", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], int(options.one[1]), options.data, options.out)
        return
    if not options.summary:
        wanted = [
            (name, seed)
            for name in options.part or PARTS
            for seed in range(options.seeds or PARTS[name].seeds)
        ]
        with ThreadPoolExecutor(options.jobs) as pool:
            done = list(pool.map(lambda run: spawn(*run, options), wanted))
        failed = [run for run, code in zip(wanted, done, strict=True) if code]
        if failed:
            sys.exit(f"these runs failed: {failed}")
    print(summarise(options.out, Path(__file__).parent / "results"))


def spawn(part: str, seed: int, options: argparse.Namespace) -> int:
    """One run in a process of its own, single-threaded: two of them use two cores best.

    Return its exit code: one that fails does not end the others.
    """
    command = [sys.executable, __file__, "--data", options.data, "--out", options.out]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    words = [str(c) for c in (*command, "--one", part, seed)]
    return subprocess.run(words, check=False, env=os.environ | one_thread).returncode


def one(name: str, seed: int, data: Path, out: Path) -> None:
    part = PARTS[name]
    config = parse_config(
        {
            "name": f"{name}-s{seed}",
            "seed": seed,
            "data": {"split_column": part.protocol},
            "bank": {"q": part.q, "gain": part.gain},
            "mixing": part.mixing,
            "noise": {"full_scale": part.full_scale},
            "training": {
                "classifier_epochs": 26,
                "joint_epochs": 6,
                "rate": 1.2e-2,
                "label_smoothing": 0.05,
                "weight_decay": 0.05,
            },
            "arms": part.arms,
            "evaluation": {"by_kind": False},
        }
    )
    folder = out / config.name
    resume = RunFolder(folder).exists()
    speech = load_data(data, split_column=part.protocol)
    common = None
    if part.common:
        if not (out / f"{part.common}-s{seed}").exists():
            one(part.common, seed, data, out)
        common = RunFolder.open(out / f"{part.common}-s{seed}")
    run_codesign(
        config, speech, folder, source=str(data), events=Lines(), resume=resume, common=common
    )


class Lines(Silent):
    """One line an epoch."""

    def epoch(self, record: EpochRecord) -> None:
        """Print it."""
        print(
            f"{record.arm} {record.epoch}: loss {record.loss:.3f} CE {record.cross_entropy:.3f} "
            f"val {record.validation:.4f} P {record.power:.4g} A {record.area:.4g} "
            f"{record.seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
