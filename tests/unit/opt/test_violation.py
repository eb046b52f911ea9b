"""The total violation: its expected improvement, and what it is for."""

import math

import pytest
import torch

from spiceloop.opt.violation import LogViolationImprovement

INF = math.inf


def test_the_moments_are_those_of_samples() -> None:
    lower, upper = torch.tensor([-INF, -0.5, -1.0]).double(), torch.tensor([0.2, INF, 1.0]).double()
    y = torch.tensor([[1.5, -1.0, 0.0], [0.3, -3.0, 2.5]]).double()
    least = (1.5 - 0.2) + 0.5  # of the first design; the second breaks its bounds by 4.1
    mean = torch.tensor([[0.6, -0.4, 1.2], [0.0, 0.2, 0.0]]).double()
    sd = torch.tensor([[0.5, 0.8, 0.3], [0.4, 0.2, 0.6]]).double()
    found = LogViolationImprovement(y, lower, upper)
    assert found.best.item() == pytest.approx(least)

    samples = mean + sd * torch.randn(
        400_000, 2, 3, dtype=torch.double, generator=torch.Generator().manual_seed(0)
    )
    total = (samples - upper).clamp_min(0).sum(2) + (lower - samples).clamp_min(0).sum(2)
    m, s = total.mean(0), total.std(0)
    z = (least - m) / s
    normal = torch.distributions.Normal(0.0, 1.0)
    expected = s * (normal.log_prob(z).exp() + z * normal.cdf(z))
    assert found(mean, sd).exp().tolist() == pytest.approx(expected.tolist(), rel=0.01)


def test_mending_one_of_many_broken_bounds_beats_the_unknown() -> None:
    """One bound met for sure, nine broken as before, is a large gain."""
    bounds = torch.full((10,), -INF).double(), torch.zeros(10).double()
    found = LogViolationImprovement(torch.full((3, 10), 3.0).double(), *bounds)
    step = torch.full((1, 10), 3.0).double()
    step[0, 0] = -1.0
    sure = found(step, torch.full((1, 10), 0.1).double())
    nothing = found(torch.full((1, 10), 3.2).double(), torch.full((1, 10), 0.1).double())
    assert sure > nothing + 10.0


def test_gradients_are_finite_far_from_every_bound() -> None:
    bounds = torch.full((4,), -INF).double(), torch.zeros(4).double()
    found = LogViolationImprovement(torch.ones(1, 4).double(), *bounds)
    mean = torch.tensor([[-60.0] * 4, [60.0] * 4, [0.0] * 4]).double().requires_grad_()
    value = found(mean, torch.full((3, 4), 0.5).double())
    value.sum().backward()
    assert value.isfinite().all()
    assert mean.grad is not None
    assert mean.grad.isfinite().all()


def test_it_stands_in_while_many_bounds_are_broken() -> None:
    bounds = torch.full((4,), -INF).double(), torch.zeros(4).double()
    three_broken = torch.tensor([[1.0, 1.0, 1.0, -1.0]] * 3).double()
    assert LogViolationImprovement.where_many(three_broken, *bounds) is not None
    two_broken = torch.cat([three_broken[:2], torch.tensor([[9.0, 9.0, -1.0, -1.0]]).double()])
    assert LogViolationImprovement.where_many(two_broken, *bounds) is None
