"""One of several processes that run one study: ``shared_driver.py URL TRIALS WORKERS LOG``.

Appends to LOG the numbers of r and c of every simulation that it really makes, and prints how it
ended. ``HOLD_S`` in the environment makes every simulation last longer.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "rc_study"


def main(url: str, trials: str, workers: str, log: str) -> None:
    from spiceloop.opt import Budget, make_optimizer
    from spiceloop.sim import NgspiceLib
    from spiceloop.spec.bench import Bench
    from spiceloop.spec.load import load_problem
    from spiceloop.study.loop import run_study
    from spiceloop.study.store import Study

    class Logged(NgspiceLib):
        def run(self, deck, **options):
            values = [re.search(rf"\.param {n} = (\S+)", deck.text)[1] for n in "rc"]
            with Path(log).open("a") as stream:
                stream.write(" ".join(values) + f" {os.getpid()}\n")
            time.sleep(float(os.environ.get("HOLD_S", "0")))
            return super().run(deck, **options)

    study = Study.open(url, bench=Bench.load(load_problem(DATA / "problem.yaml")))
    print("ready", flush=True)
    sys.stdin.readline()
    ending = run_study(
        study,
        make_optimizer("sobol"),
        budget=Budget(int(trials)),
        initial=int(trials),
        workers=int(workers),
        seed=3,
        simulator=Logged,
    )
    print(ending.value, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
