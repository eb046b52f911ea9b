"""Ax behind standard input and output; run by the interpreter of Ax's own environment.

The first line configures, every further one asks or tells; each is answered by one line of JSON:
the answer and the processor seconds used so far.
Nothing of spiceloop is imported. Objectives are minimized, bounds are violations at most 0, and the
objective's threshold is 1 in the losses, which is the arena's reference.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings

warnings.simplefilter("ignore")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what Ax prints must not stand between the answers

import torch  # noqa: E402
from ax.api.client import Client  # noqa: E402
from ax.api.configs import RangeParameterConfig  # noqa: E402

logging.disable(logging.WARNING)
torch.set_num_threads(1)


def answer(value: object) -> None:
    answers.write(json.dumps([value, time.process_time()]) + "\n")
    answers.flush()


def main() -> None:
    setup = json.loads(sys.stdin.readline())
    names = setup["names"]
    client = Client(random_seed=setup["seed"])
    client.configure_experiment(
        parameters=[
            RangeParameterConfig(name=f"p{i}", parameter_type="float", bounds=(0.0, 1.0))
            for i in range(len(names))
        ]
    )
    k, n_bounds = setup["objectives"], setup["bounds"]
    constraints = [f"v{j} <= 0" for j in range(n_bounds)]
    if k > 1:
        constraints += [f"f{j} <= 1" for j in range(k)]
    client.configure_optimization(
        objective=", ".join(f"-f{j}" for j in range(k)), outcome_constraints=constraints
    )
    answer("ready")
    trial = -1
    for line in sys.stdin:
        message = json.loads(line)
        if message["do"] == "ask":
            ((trial, parameters),) = client.get_next_trials(max_trials=1).items()
            answer([float(parameters[f"p{i}"]) for i in range(len(names))])
            continue
        if message["do"] == "fail":
            client.mark_trial_failed(trial)
        else:
            data = {f"f{j}": (v, 0.0) for j, v in enumerate(message["losses"])}
            data |= {f"v{j}": (v, 0.0) for j, v in enumerate(message["violations"])}
            client.complete_trial(trial, raw_data=data)
        answer("noted")


if __name__ == "__main__":
    main()
