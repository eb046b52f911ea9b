"""The arena: optimizers against each other on circuits, at equal simulations and equal seconds.

Read in this order: `problems` (what is optimized), `competitors` (who optimizes), `one_run` (one
competitor, one problem, one seed), `measures` (figures of a run), `summary` (table and figure).
"""
