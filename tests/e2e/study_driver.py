"""Runs one study as a process of its own, to be killed by the tests beside it.

``study_driver.py PROBLEM URL OPTIMIZER TRIALS INITIAL WORKERS``: makes the study or goes on with
it, prints the number of each trial as soon as it is said to be finished, at last how it ended.
"""

from __future__ import annotations

import sys


def main(problem: str, url: str, optimizer: str, trials: str, initial: str, workers: str) -> None:
    from spiceloop.errors import StudyError
    from spiceloop.opt import Budget, make_optimizer
    from spiceloop.spec.bench import Bench
    from spiceloop.spec.load import load_problem
    from spiceloop.study.events import TrialFinished
    from spiceloop.study.loop import run_study
    from spiceloop.study.store import Settings, Study

    bench = Bench.load(load_problem(problem))
    try:
        study = Study.open(url, bench=bench)
    except StudyError:
        study = Study.create(bench, url, Settings())

    def tell(event: object) -> None:
        if isinstance(event, TrialFinished):
            print(event.trial.number, flush=True)

    ending = run_study(
        study,
        make_optimizer(optimizer),
        budget=Budget(int(trials)),
        initial=int(initial),
        workers=int(workers),
        seed=3,
        on_event=tell,
    )
    print(ending.value, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
