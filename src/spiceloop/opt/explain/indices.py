"""Which variables matter over the whole design space: total Sobol indices of the model's mean.

The total index of variable i is the share of a metric's variance that would remain if all variables
but i were known, Sᵀᵢ = E[Var(f | x₋ᵢ)] / Var(f): its own effect with all its interactions, so that
the indices of a metric add up to 1 or more. Sampling by two matrices A, B and the hybrids of A with
column i of B: A. Saltelli et al., "Variance based sensitivity analysis of model output", Comput.
Phys. Commun. 181, 2010; estimator of M. J. W. Jansen, "Analysis of variance designs for model
output", Comput. Phys. Commun. 117, 1999:

    Sᵀᵢ ≈ Σⱼ (f(A)ⱼ − f(ABᵢ)ⱼ)² / (2 N Var(f)) .
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import qmc

from spiceloop.opt.base import Floats

__all__ = ["total_indices"]


def total_indices(
    function: Callable[[Floats], Floats], d: int, *, log2_n: int = 10, seed: int = 0
) -> Floats:
    """Return the total indices (m, d) of a function from points (b, d) of the unit cube to (b, m).

    It is called with (d + 2)·2^``log2_n`` points. NaN where the function is constant.
    """
    both = qmc.Sobol(2 * d, rng=np.random.default_rng(seed)).random_base2(log2_n)
    a, b = both[:, :d], both[:, d:]
    at_a = function(a)
    variance = np.vstack([at_a, function(b)]).var(axis=0)
    variance[variance < 1e-12] = np.nan
    found = np.empty((at_a.shape[1], d))
    for i in range(d):
        hybrid = a.copy()
        hybrid[:, i] = b[:, i]
        found[:, i] = ((at_a - function(hybrid)) ** 2).mean(axis=0) / (2.0 * variance)
    return found
