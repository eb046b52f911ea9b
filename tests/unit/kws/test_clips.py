"""The arrays refuse what does not fit together."""

from __future__ import annotations

import numpy as np
import pytest

from spiceloop.kws.clips import Clips, to_int16


def clips(**changed):
    parts = {
        "audio": np.zeros((3, 8), np.int16),
        "label": np.array([0, 2, 2]),
        "classes": ("yes", "no", "_unknown_"),
        "path": np.array(["a", "b", "c"]),
        "speaker": np.array(["", "", "x"]),
    }
    return Clips(**{**parts, **changed})


def test_counts_name_every_class():
    assert clips().counts() == {"yes": 1, "no": 0, "_unknown_": 2}
    assert len(clips()) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"audio": np.zeros((3, 8), np.float32)},
        {"audio": np.zeros(3, np.int16)},
        {"label": np.array([0, 1])},
        {"label": np.array([0, 1, 3])},
        {"label": np.array([0, 1, -1])},
        {"path": np.array(["a"])},
    ],
)
def test_arrays_that_do_not_fit(changed):
    with pytest.raises(ValueError, match=r"expected|outside"):
        clips(**changed)


def test_full_scale_is_limited_not_wrapped():
    assert to_int16(np.array([1.5, 1.0, -1.0, -2.0], np.float32)).tolist() == [
        32767,
        32767,
        -32768,
        -32768,
    ]
