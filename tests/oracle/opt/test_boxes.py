"""The cut of the improving region against moocore, membership, and BoTorch's own cut."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiceloop.opt.boxes import cut, improving_boxes, thin_front
from spiceloop.opt.pareto import pareto_mask

BELOW = -0.5  # of every design


def some_front(n: int, k: int, steps: int | None, seed: int = 0) -> np.ndarray:
    """Designs on a sphere, or rounded to few values, of which many are then equal."""
    front = np.abs(np.random.default_rng(seed).standard_normal((n, k)))
    front = 1.0 - 0.9 * front / np.linalg.norm(front, axis=1, keepdims=True)
    return front if steps is None else np.round(front * steps) / steps


def volume_of(boxes: tuple[np.ndarray, np.ndarray]) -> float:
    lower, upper = boxes
    return float(np.prod(upper - np.maximum(lower, BELOW), axis=1).sum())


def volume_left(front: np.ndarray, reference: np.ndarray) -> float:
    taken = moocore.hypervolume(front, ref=reference) if len(front) else 0.0
    return float(np.prod(reference - BELOW) - taken)


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(0, 40),
    k=st.integers(1, 5),
    steps=st.sampled_from([None, 2, 4, 10]),
    seed=st.integers(0, 1000),
    reference=st.floats(0.5, 2.0),
)
def test_boxes_are_disjoint_and_all_that_nothing_dominates(
    n: int, k: int, steps: int | None, seed: int, reference: float
) -> None:
    front, behind = some_front(n, k, steps, seed), np.full(k, reference)
    lower, upper = boxes = improving_boxes(front, behind, 10_000)
    assert volume_of(boxes) == pytest.approx(volume_left(front, behind), rel=1e-9)
    points = np.random.default_rng(seed).uniform(BELOW, reference, (300, k))
    inside = ((points[:, None] > lower) & (points[:, None] < upper)).all(-1).sum(1)
    dominated = (front[None] <= points[:, None]).all(-1).any(1)
    assert np.array_equal(inside, (~dominated).astype(int))


@pytest.mark.parametrize("k", [3, 4])
def test_no_more_boxes_than_botorchs_and_the_same_volume(k: int) -> None:
    import torch
    from botorch.utils.multi_objective.box_decompositions.non_dominated import (
        FastNondominatedPartitioning,
    )

    front, reference = some_front(20, k, None), np.full(k, 1.1)
    theirs = FastNondominatedPartitioning(
        ref_point=-torch.as_tensor(reference), Y=-torch.as_tensor(front)
    )
    lower, upper = (-c.numpy() for c in theirs.get_hypercell_bounds().flip(0))
    mine = improving_boxes(front, reference, 10_000)
    assert volume_of(mine) == pytest.approx(volume_of((lower, upper)), rel=1e-9)
    assert len(mine[0]) <= len(lower)


@pytest.mark.parametrize(("k", "most"), [(2, 100), (3, 100), (5, 100), (5, 1000), (4, 50)])
def test_a_front_of_too_many_boxes_is_thinned_no_more_than_needed(k: int, most: int) -> None:
    front, reference = some_front(300, k, None), np.full(k, 1.1)
    boxes = improving_boxes(front, reference, most)
    assert most / 4 < len(boxes[0]) <= most
    # What is left is no more than there is: a known design is no improvement.
    assert volume_of(boxes) <= volume_left(front, reference)
    inside = (front[:, None] < boxes[1]).all(-1) & (front[:, None] > boxes[0]).all(-1)
    assert not inside.any()


def test_no_front_takes_more_boxes_than_it_may() -> None:
    front, reference = some_front(100, 8, None), np.full(8, 1.1)
    boxes = improving_boxes(front, reference, 8)
    assert len(boxes[0]) == 8
    assert 0.0 < volume_of(boxes) < volume_left(front, reference)


def test_a_thinned_front_dominates_the_whole_one() -> None:
    front = some_front(300, 4, None)
    thin = thin_front(front, 5.0)
    assert 1 <= len(thin) < 200
    assert np.array_equal(thin[pareto_mask(thin)], thin)
    assert (thin[None] <= front[:, None] + 1e-12).all(-1).any(1).all()


def test_more_boxes_than_allowed_are_refused() -> None:
    front, reference = some_front(30, 3, None), np.full(3, 1.1)
    n = len(improving_boxes(front, reference, 1000)[0])
    assert cut(front, reference, n) is not None
    assert cut(front, reference, n - 1) is None
