"""Every implementation that a contract suite runs on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spiceloop.sim import SIMULATORS, Simulator, make_simulator


@pytest.fixture(scope="module", params=SIMULATORS)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    simulator = make_simulator(request.param)
    yield simulator
    simulator.close()
