"""Log-EHVI against Monte Carlo, BoTorch's closed form and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from spiceloop.opt.acquisition import (
    LogEhvi,
    log_probability_between,
)
from spiceloop.opt.pareto import hypervolume
from spiceloop.opt.volume import volume_trace

REFERENCE = torch.tensor([1.0, 1.5, 0.8], dtype=torch.double)


def random_front(n: int, k: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, k)))


def on_a_sphere(n: int, k: int) -> torch.Tensor:
    """Losses of which none dominates another."""
    front = random_front(n, k).abs()
    return front / front.norm(dim=1, keepdim=True)


def volume(points: np.ndarray, reference: torch.Tensor) -> float:
    return float(volume_trace(points, reference.numpy()).values[-1]) if len(points) else 0.0


@pytest.mark.parametrize("n", [0, 1, 6])
def test_matches_the_mean_of_sampled_improvements(n: int) -> None:
    front = random_front(n, 3)
    mean = torch.tensor([[0.1, 0.2, -0.3]], dtype=torch.double)
    sd = torch.tensor([[0.5, 0.9, 0.4]], dtype=torch.double)
    rng = np.random.default_rng(1)
    base = volume(front.numpy(), REFERENCE)
    gains = [
        volume(np.vstack([front.numpy(), rng.normal(mean[0], sd[0])]), REFERENCE) - base
        for _ in range(1500)
    ]
    expected, error = np.mean(gains), np.std(gains) / math.sqrt(len(gains))
    value = LogEhvi(front, REFERENCE)(mean, sd).exp().item()
    assert abs(value - expected) < 4 * error
    assert error < 0.1 * expected


def test_matches_botorch_where_logarithms_are_not_needed() -> None:
    from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
    from botorch.models.deterministic import GenericDeterministicModel
    from botorch.posteriors.gpytorch import GPyTorchPosterior
    from botorch.utils.multi_objective.box_decompositions.non_dominated import (
        FastNondominatedPartitioning,
    )
    from gpytorch.distributions import MultitaskMultivariateNormal

    mean = random_front(1, 3, seed=3)
    sd = random_front(1, 3, seed=4).exp()
    front = random_front(8, 3) - 0.5

    class Known(GenericDeterministicModel):
        def posterior(self, X: torch.Tensor, **_: object) -> GPyTorchPosterior:
            covariance = torch.diag(sd[0] ** 2).expand(*X.shape[:-2], 3, 3)
            return GPyTorchPosterior(
                MultitaskMultivariateNormal(-mean.expand(*X.shape[:-2], 1, 3), covariance)
            )

    boxes = FastNondominatedPartitioning(ref_point=-REFERENCE, Y=-front)
    theirs = ExpectedHypervolumeImprovement(Known(lambda x: x), (-REFERENCE).tolist(), boxes)
    expected = theirs(torch.zeros(1, 1, 2, dtype=torch.double)).item()
    assert LogEhvi(front, REFERENCE)(mean, sd).exp().item() == pytest.approx(expected, rel=1e-9)


def test_one_goal_is_log_expected_improvement() -> None:
    front, reference = (
        torch.tensor([[0.4], [0.9]], dtype=torch.double),
        torch.tensor([5.0], dtype=torch.double),
    )
    mean, sd = torch.tensor([[0.7]], dtype=torch.double), torch.tensor([[0.3]], dtype=torch.double)
    z = (0.4 - 0.7) / 0.3
    expected = 0.3 * (norm.pdf(z) + z * norm.cdf(z))
    assert LogEhvi(front, reference)(mean, sd).exp().item() == pytest.approx(expected)


def test_far_from_any_improvement_it_still_leads_uphill() -> None:
    """A flat acquisition that proposes the same point again is the complaint to avoid."""
    acquisition = LogEhvi(random_front(5, 3), REFERENCE)
    mean = torch.full((1, 3), 300.0, dtype=torch.double, requires_grad=True)
    value = acquisition(mean, torch.full((1, 3), 0.1, dtype=torch.double))
    (gradient,) = torch.autograd.grad(value.sum(), mean)
    assert torch.isfinite(value).all()
    assert (gradient < -1e3).all()


def test_gradients_are_exact() -> None:
    acquisition = LogEhvi(random_front(6, 3), REFERENCE)
    mean = random_front(4, 3, seed=5).requires_grad_(True)
    sd = random_front(4, 3, seed=6).exp().requires_grad_(True)
    assert torch.autograd.gradcheck(acquisition, (mean, sd))


def test_a_known_point_is_no_improvement() -> None:
    front = random_front(6, 3)
    acquisition = LogEhvi(front, REFERENCE + 3)
    sure = torch.full((1, 3), 1e-5, dtype=torch.double)
    assert acquisition(front[:1], sure).item() < acquisition(front[:1] - 0.5, sure).item() - 8


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 0.5), (-np.inf, 0.5), (-1.0, np.inf), (-np.inf, np.inf), (3.0, 3.5)]
)
def test_probability_between_bounds(low: float, high: float) -> None:
    mean, sd = torch.tensor([[0.2]], dtype=torch.double), torch.tensor([[0.6]], dtype=torch.double)
    bounds = torch.tensor([low], dtype=torch.double), torch.tensor([high], dtype=torch.double)
    expected = norm.cdf(high, 0.2, 0.6) - norm.cdf(low, 0.2, 0.6)
    found = log_probability_between(mean, sd, *bounds).exp().item()
    assert found == pytest.approx(expected, rel=1e-9)


def test_probability_of_a_hopeless_bound_keeps_its_slope() -> None:
    mean = torch.tensor([[-50.0], [80.0]], dtype=torch.double, requires_grad=True)
    sd = torch.full((2, 1), 0.5, dtype=torch.double)
    value = log_probability_between(mean, sd, torch.zeros(1).double(), torch.ones(1).double())
    (gradient,) = torch.autograd.grad(value.sum(), mean)
    assert torch.isfinite(value).all()
    assert gradient[0] > 10
    assert gradient[1] < -10


def test_plain_numbers_and_logarithms_tell_the_same() -> None:
    """Near the front, deep within it, and so far behind that plain numbers are nothing."""
    acquisition = LogEhvi(on_a_sphere(40, 5), torch.full((5,), 1.1, dtype=torch.double))
    mean = torch.cat([on_a_sphere(20, 5) + offset for offset in (-0.3, 0.0, 0.4, 40.0, 500.0)])
    sd = random_front(100, 5, seed=2).abs() * 0.3 + 1e-5
    plain = acquisition(mean, sd)
    assert plain.isfinite().all()
    assert plain.min() < -1e4
    logs = acquisition(mean.requires_grad_(), sd).detach()
    assert torch.allclose(plain, logs, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("k", [5, 6, 10])
def test_many_objectives_stay_a_matter_of_seconds(k: int) -> None:
    """The boxes are what a proposal takes its time for: 2,500 of eight objectives took minutes."""
    front = on_a_sphere(200, k)
    assert 0 < LogEhvi(front, torch.full((k,), 1.1, dtype=torch.double)).n_boxes <= 1000


def test_of_many_objectives_some_take_part_in_turn() -> None:
    """A design that is better in two of seven is seen in some turns, a dominated one in none."""
    front, reference = on_a_sphere(60, 7), torch.full((7,), 1.1, dtype=torch.double)
    better = front[:1].clone()
    better[0, :2] *= 0.5
    sure = torch.full((1, 7), 1e-6, dtype=torch.double)
    turns = [LogEhvi(front, reference, turn) for turn in range(12)]
    gains = [turn(better, sure).exp().item() for turn in turns]
    assert 2 <= sum(gain > 1e-6 for gain in gains) < 12
    assert max(turn(front[:1] + 0.1, sure).exp().item() for turn in turns) < 1e-6


def test_a_large_front_of_few_boxes_hides_no_improvement() -> None:
    """Five objectives of which two trade off: a gap between two of fifty designs is seen."""
    along = torch.linspace(0.0, 1.0, 50, dtype=torch.double)
    along = along[(along < 0.5) | (along > 0.55)]  # the gap
    front = torch.stack([along, 1.0 - along, *[torch.full_like(along, 0.3)] * 3], dim=1)
    reference = torch.ones(5, dtype=torch.double)
    inside = torch.tensor([[0.51, 0.46, 0.3, 0.3, 0.3]], dtype=torch.double)
    gain = LogEhvi(front, reference)(inside, torch.full((1, 5), 1e-6, dtype=torch.double)).exp()
    volumes = [
        hypervolume(points.numpy(), reference.numpy())
        for points in (front, torch.cat([front, inside]))
    ]
    assert gain.item() == pytest.approx(volumes[1] - volumes[0], rel=1e-3)


def test_probability_has_finite_gradients_whatever_bounds_there_are() -> None:
    infinity = torch.inf
    lower = torch.tensor([-infinity, 0.0, -1.0, -infinity], dtype=torch.double)
    upper = torch.tensor([1.0, infinity, 1.0, infinity], dtype=torch.double)
    mean = torch.tensor([[0.3, -40.0, 5.0, 2.0]], dtype=torch.double, requires_grad=True)
    sd = torch.tensor([[0.5, 1.0, 0.2, 3.0]], dtype=torch.double, requires_grad=True)
    log_probability_between(mean, sd, lower, upper).sum().backward()
    assert mean.grad is not None
    assert sd.grad is not None
    assert mean.grad.isfinite().all()
    assert sd.grad.isfinite().all()
    assert mean.grad[0, 3] == 0  # no bound, no pull
    assert mean.grad[0, 1] > 0 > mean.grad[0, 2]
