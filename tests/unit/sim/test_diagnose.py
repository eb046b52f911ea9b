"""Verdicts on recorded output of ngspice 39 and 45.2: tests/data/ngspice39, tests/data/ngspice45.

"lib" and "batch" are 39's two forms, "45" is what 45.2 says.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import FailureKind, SimulationError
from spiceloop.sim import diagnose
from spiceloop.sim.measures import scalars_in_text
from spiceloop.sim.vector_names import is_asked

DATA = Path(__file__).parents[2] / "data"
NO_CONVERGENCE, DECK = FailureKind.NO_CONVERGENCE, FailureKind.DECK
FORMS = ("lib", "batch", "45")


def recorded(name: str, form: str) -> list[str]:
    path = DATA / "ngspice45" / f"{name}.txt"
    if form != "45":
        path = DATA / "ngspice39" / f"{name}.{form}.txt"
    elif name in {"model_parameter", "missing_section"}:
        pytest.skip("not recorded: see tests/data/ngspice45/record.py")
    return path.read_text().splitlines()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "kind", "analysis", "said"),
    [
        ("no_op", NO_CONVERGENCE, "op", 'trouble with node "out"'),
        ("no_dc", NO_CONVERGENCE, "dc", "doAnalyses"),
        ("no_tran", NO_CONVERGENCE, "tran", 'trouble with node "out"'),
        ("singular", NO_CONVERGENCE, "op", "Timestep too small"),
        ("unknown_subckt", DECK, "", "x1 in 0 nosuch"),
        ("unknown_parameter", DECK, "", "[nosuch]"),
        ("unknown_model", DECK, "", "could not find a valid modelname"),
        ("outside_bins", DECK, "", "m1 in in 0 0 nm w=1000u l=1u"),
        ("instance_parameter", DECK, "", "unknown parameter (nosuch)"),
        ("missing_include", DECK, "", "nosuch.inc"),
        ("missing_library", DECK, "", "nosuch.lib"),
        ("missing_section", DECK, "", "section definition ss not found"),
        ("too_few_nodes", DECK, "", "q1 in"),
        ("dot_card", DECK, "", ".nosuch card"),
        ("no_ends", DECK, "", ".subckt never ends"),
        ("bad_ac", DECK, "ac", "AC startfreq <= 0"),
        ("bad_tran", DECK, "tran", "TSTOP is invalid"),
        ("bad_noise", DECK, "noise", "v9 not in circuit"),
    ],
)
def test_failures(name: str, form: str, kind: FailureKind, analysis: str, said: str) -> None:
    error = diagnose.failure(recorded(name, form))
    assert error is not None
    assert error.kind is kind
    assert error.analysis == analysis
    assert said in error.line


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["clean", "stepping_helps", "model_parameter", "failed_meas"])
def test_no_failures(name: str, form: str) -> None:
    assert diagnose.failure(recorded(name, form)) is None


@pytest.mark.parametrize("form", FORMS)
def test_warnings(form: str) -> None:
    assert diagnose.warnings_in(recorded("clean", form)) == ()
    assert diagnose.warnings_in(recorded("stepping_helps", form)) == ()
    assert "Model issue" in diagnose.warnings_in(recorded("model_parameter", form))[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "measure", "said"),
    [
        ("failed_meas", "f3", "out of interval"),
        ("no_vector", "z", "nosuch"),
        ("no_vector", "v(alsonot)", "alsonot"),
    ],
)
def test_missing_measures_quote_ngspice(name: str, form: str, measure: str, said: str) -> None:
    lines = recorded(name, form)
    text = scalars_in_text(lines)
    with pytest.raises(SimulationError) as caught:
        diagnose.pick_measures([measure], text.values, text.failed, lines)
    assert caught.value.kind is FailureKind.MISSING_MEASURE
    assert said in caught.value.line


MEASURED = {
    "tp": 6.935673e-09,
    "vmax": 9.999568e-01,
    "mean": 9.984490e-01,
    "pp": 9.999568e-01,
    "tw": 1.060706e-07,
    "found": 8.426973e-01,
    "twice": 1.999914e00,
    "i(v1)[0]": 0.0,
    "spread": 0.999957,
}


@pytest.mark.parametrize("form", FORMS)
def test_measures_read_the_same_from_each_version(form: str) -> None:
    lines = recorded("measures", form)
    text = scalars_in_text(lines)
    assert diagnose.failure(lines) is None
    assert {k: text.values[k] for k in MEASURED} == pytest.approx(MEASURED, rel=1e-6)
    assert set(text.failed) == {"later"}
    noise = scalars_in_text(recorded("noise", form)).values
    assert noise["onoise_total"] == pytest.approx(9.09931e-08, rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_what_39_cannot_measure_45_can(form: str) -> None:
    lines = recorded("temperature_sweep", form)
    text = scalars_in_text(lines)
    assert text.values["warm"] == pytest.approx(0.4918839, rel=1e-6)
    if form == "45":
        assert text.values["top"] == pytest.approx(0.5173306, rel=1e-6)
        return
    with pytest.raises(SimulationError) as caught:
        diagnose.pick_measures(["top"], text.values, text.failed, lines)
    assert "meas dc top max v(out) failed!" in caught.value.line


def test_vector_names_of_both_versions_are_asked_for_alike() -> None:
    names = [line.split()[1] for line in recorded("vectors", "45") if line.startswith("@@vector")]
    asked = ("d", "v(e)", "i(v1)", "l1#branch", "x1.m", "@m1[gm]", "@m.x1.m2[id]")
    for name in asked:
        assert any(is_asked(vector, frozenset({name})) for vector in names), name


def test_crash_and_time_out() -> None:
    assert "SIGSEGV" in diagnose.crash(-11, ["last words"]).message
    assert "SIGSEGV" in diagnose.crash(139, []).message
    assert "status 3" in diagnose.crash(3, []).message
    assert diagnose.crash(-11, ["last words", ""]).line == "last words"
    known = diagnose.crash(1, recorded("unknown_parameter", "lib"))
    assert known.kind is DECK
    late = diagnose.timeout(2.5, ["Warning: singular matrix: check node a", "v(1) = 0"])
    assert (late.kind, late.line) == (FailureKind.TIMEOUT, "Warning: singular matrix: check node a")
    assert diagnose.timeout(2.5, ["v(1) = 0"]).line == ""
    assert "2.5 s" in late.message


def test_a_brace_that_is_not_closed_is_the_decks_fault() -> None:
    lines = [
        "Netlist line no. 17:",
        'Closing "}" not found.',
        "Error: ngspice.dll cannot recover and awaits to be detached",
    ]
    error = diagnose.failure(lines, fatal=True)
    assert error is not None
    assert (error.kind, error.line) == (DECK, 'Closing "}" not found.')


def test_an_unknown_fatal_error_is_a_crash() -> None:
    lines = ["Error: something new", "ERROR: fatal error in ngspice, exit(1)"]
    error = diagnose.failure(lines)
    assert error is not None
    assert (error.kind, error.line) == (FailureKind.CRASH, "Error: something new")
    assert diagnose.failure(["fine"], fatal=True) is not None


def test_a_missing_measure_is_told_with_the_closest_name_and_measures_first():
    found = {f"@m{k}[id]": 1.0 for k in range(20)} | {"v1#branch": 1.0, "f.osc": 1e9, "gain": 2.0}
    with pytest.raises(SimulationError) as caught:
        diagnose.pick_measures(["f.ocs"], found, {}, [])
    assert "'f.ocs' in the results (did you mean 'f.osc'?) (there are: f.osc, gain, @m" in str(
        caught.value
    )
    assert "and 11 more" in str(caught.value)


def test_the_closest_name_is_found_in_any_case_and_given_as_written():
    assert did_you_mean("Wnn", ["Wn", "Lch"]) == " (did you mean 'Wn'?)"
    assert did_you_mean("VDDD", ["vdd"]) == " (did you mean 'vdd'?)"
    assert did_you_mean("x", ["vdd"]) == ""


def test_a_measure_computed_from_one_that_failed_is_missing_and_the_deck_is_sound():
    lines = [
        "Doing analysis at TEMP = 27.000000 and TNOM = 27.000000",
        "  Measurements for AC Analysis",
        "Error: measure  bw  when(WHEN) : out of interval",
        " .meas ac bw when vdb(out)=3 failed!",
        "Undefined parameter [bw]",
        " Expression err: bw*2}",
        "Cannot compute substitute",
        "glf                 =  -1.714492e-04 at=  1.000000e+03",
        "gbw                 =   failed",
    ]
    assert diagnose.failure(lines) is None
    assert scalars_in_text(lines).values == {"glf": -1.714492e-04}
    later = diagnose.failure([*lines, "Circuit: next", "Undefined parameter [w]"])
    assert later is not None
    assert later.kind is DECK


def test_memory_that_ran_out_is_told_before_what_is_missing_for_it():
    """As ngspice 39 says it: behind its progress, on the same line."""
    said = " Reference value :  6.31736e-06realloc: Internal Error: can't allocate 50716672 bytes. "
    found = diagnose.failure(["Doing analysis at TEMP = 27.000000", said])
    assert found is not None
    assert found.kind is FailureKind.CRASH
    assert "out of memory" in found.message
    assert "realloc" in found.line
    assert "Reference" not in found.line
