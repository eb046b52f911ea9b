from __future__ import annotations

import numpy as np
import pytest

from spiceloop.measure.interpolate import at, crossings, first_crossing


def test_straight_line_crosses_where_it_should() -> None:
    x = np.array([0.0, 1.0, 4.0])
    assert crossings(x, 2 * x - 3).tolist() == pytest.approx([1.5])


def test_directions() -> None:
    x = np.linspace(0, 10, 1001)
    y = np.sin(x)
    assert crossings(x, y, direction="falling").tolist() == pytest.approx(
        [np.pi, 3 * np.pi], abs=1e-4
    )
    assert crossings(x, y, 0.5, direction="rising")[0] == pytest.approx(np.pi / 6, abs=1e-4)
    assert crossings(x, y, 0.5).size == 4


def test_log_axis_is_exact_for_a_power_law_in_decibels() -> None:
    f = np.array([1e3, 1e4, 1e6])
    assert first_crossing(f, -20 * np.log10(f), -100.0, log_x=True) == pytest.approx(1e5)


def test_a_sample_on_the_level_counts_once() -> None:
    assert crossings([0, 1, 2], [-1, 0, 1]).tolist() == [1.0]
    assert crossings([0, 1, 2], [1, 0, -1]).tolist() == [1.0]


def test_no_crossing() -> None:
    assert crossings([0, 1], [1, 2]).size == 0
    assert np.isnan(first_crossing([0, 1], [1, 2]))


def test_complex_frequency_with_a_meaningless_imaginary_part() -> None:
    f = np.array([1e3 + 4.7e38j, 1e4 + 1j, 1e5])
    assert first_crossing(f, [1.0, 1.0, -1.0], log_x=True) == pytest.approx(10**4.5)


def test_at() -> None:
    assert at([1, 10, 100], [0, 1, 2], 10**0.5, log_x=True) == pytest.approx(0.5)
    assert np.isnan(at([1, 2], [0, 1], 3))


@pytest.mark.parametrize(
    ("x", "y"), [([0, 1], [0, 1, 2]), ([0], [0]), ([1, 0], [0, 1]), ([[0, 1]], [[0, 1]])]
)
def test_shapes_that_do_not_fit(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        crossings(x, y)
