"""A run is resumed with its own configuration or not at all."""

from __future__ import annotations

import pytest

from spiceloop.bridge.codesign import run_codesign
from spiceloop.errors import StudyError
from spiceloop.kws.run_folder import RunFolder
from tiny_speech import config, speech


def test_another_configuration_is_refused(tmp_path):
    data, wanted = speech(samples=4000), config()
    head = {
        "config": wanted.as_json(),
        "data": {"fingerprint": data.fingerprint},
        "law": {"kind": "weak-inversion", "n": 1.4, "temperature": 27.0},
        "characterisation": {},
        "versions": {},
    }
    RunFolder.create(tmp_path, head)
    other = config(training={"rate": 1e-3}, bank={"q": 3})
    with pytest.raises(StudyError, match="another configuration; these differ: bank, training"):
        run_codesign(other, data, tmp_path, resume=True)
