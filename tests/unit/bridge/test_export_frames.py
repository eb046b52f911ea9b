"""The classifier is exported for the frames that the features have."""

from __future__ import annotations

import pytest

from spiceloop.bridge.export import write_onnx
from tiny_speech import config, system


def test_a_hop_that_does_not_divide_the_second(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    wanted = config(features={"hop": 0.007, "window": 0.014})  # 142.86 hops a second
    file = write_onnx(wanted, system(wanted).eval(), tmp_path / "classifier.onnx")
    shape = onnx.load(str(file)).graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in shape.dim][1:] == [4, 142]
