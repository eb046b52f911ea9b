"""A measure that fails spoils itself and what is computed from it, in both simulators."""

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SimulationError
from spiceloop.sim import make_simulator

DECK = Deck("""\
RC
v1 in 0 1 ac 1
r1 in out 1k
c1 out 0 1n
.ac dec 20 1k 1g
.meas ac low max vdb(out)
.meas ac never when vdb(out)=3
.meas ac twice param='never*2'
.end
""")


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["ngspice-lib", "ngspice-batch"])
def test_measures_beside_a_failed_one_count(name):
    simulator = make_simulator(name)
    try:
        result = simulator.run(DECK, measures=("low",), timeout=20)
        assert result.measures["low"] == pytest.approx(-1.714492e-4, rel=1e-5)
        with pytest.raises(SimulationError) as caught:
            simulator.run(DECK, measures=("low", "twice"), timeout=20)
        assert caught.value.kind is FailureKind.MISSING_MEASURE
    finally:
        simulator.close()
