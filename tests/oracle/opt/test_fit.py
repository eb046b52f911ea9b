"""The fit of the length scales, against BoTorch's own and against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.optimize import approx_fprime

from spiceloop.opt.fit import _loss, best_means, fit_length_scales

NOISE = 1e-4


def data(n: int, d: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    x = rng.random((n, d))
    w = rng.standard_normal((d, m)) * (rng.random((d, m)) < 0.6)
    w[0] += 0.5
    y = np.tanh(x @ w - 0.5 * w.sum(axis=0)) + 0.3 * np.sin(3.0 * x @ w)
    return x, (y - y.mean(axis=0)) / y.std(axis=0)


@pytest.mark.parametrize(("n", "d", "m"), [(12, 3, 4), (30, 8, 3), (40, 23, 4)])
def test_finds_what_botorch_finds(n: int, d: int, m: int) -> None:
    x, y = data(n, d, m)
    scales = fit_length_scales(x, y, NOISE)
    means = best_means(scales, x, y, NOISE)
    location = math.sqrt(2.0) + 0.5 * math.log(d)
    for j in range(m):
        column = torch.as_tensor(y[:, j : j + 1])
        theirs = SingleTaskGP(
            torch.as_tensor(x),
            column,
            torch.full_like(column, NOISE),
            covar_module=get_covar_module_with_dim_scaled_prior(
                ard_num_dims=d, use_rbf_kernel=False
            ),
            outcome_transform=None,
        )
        fit_gpytorch_mll(ExactMarginalLogLikelihood(theirs.likelihood, theirs))
        found = theirs.covar_module.lengthscale.detach().numpy()[0]
        own, other = (_loss(np.log(s), x, y[:, j], NOISE, location)[0] for s in (scales[j], found))
        assert own == pytest.approx(other, abs=5e-3)  # in log posterior: nothing
        assert means[j] == pytest.approx(theirs.mean_module.constant.item(), abs=0.02)


def test_gradient_matches_finite_differences() -> None:
    x, y = data(15, 5, 1)
    at = np.linspace(-1.0, 1.5, 5)
    numeric = approx_fprime(at, lambda s: _loss(s, x, y[:, 0], NOISE, 2.0)[0], 1e-6)
    assert _loss(at, x, y[:, 0], NOISE, 2.0)[1] == pytest.approx(numeric, abs=1e-3)


def test_equal_outputs_and_repeated_designs_are_no_trouble() -> None:
    x = np.repeat(np.random.default_rng(0).random((3, 4)), 3, axis=0)
    scales = fit_length_scales(x, np.zeros((9, 2)), NOISE)
    assert np.isfinite(scales).all()
    assert best_means(scales, x, np.zeros((9, 2)), NOISE) == pytest.approx([0.0, 0.0])
