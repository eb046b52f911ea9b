"""Studies: every trial of a run, durable and resumable, and the loop that makes them.

`store` keeps trials in an Optuna storage, `reading` reads them there, `loop` asks, evaluates and
tells, `choose` picks the design that is shown, `export` writes tables and sized netlists.
"""
