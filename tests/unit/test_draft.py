import pytest
import yaml

from spiceloop.errors import DeckError, UntrustedDeckError
from spiceloop.spec.draft import draft_problem
from spiceloop.spec.lint import lint
from spiceloop.spec.load import load_problem

DECK = """\
Two "stage" amplifier
.lib "sky130.lib.spice" tt
.param w1=4u l1=0.15u wide={2*w1} ib=10u vdd=1.8 off=0 voff=-1m wu=4 rl=1M
.param w3=0.1234567u
v1 1 0 {vdd}
r1 1 0 {rl}
.op
.meas ac gain max vdb(out)
.meas ac phase find vp(out) at=1k
.control
meas dc power max i(v1)
print @m1[gm] v(out)
.endc
.end
"""


def draft(tmp_path, text, **options):
    deck = tmp_path / "my deck.spice"
    deck.write_text(text)
    problem = tmp_path / "problem.yaml"
    problem.write_text(draft_problem(deck, folder=tmp_path, **options))
    return problem


def test_the_process_is_that_of_the_decks_library(tmp_path):
    path = draft(tmp_path, DECK.replace("sky130.lib.spice", "/some/where/generic.lib.spice"))
    assert load_problem(path).pdk.name == "generic"
    other = draft(tmp_path, DECK.replace("sky130.lib.spice", "house.lib"))
    assert load_problem(other).pdk is None


def test_the_draft_loads_and_has_no_errors(tmp_path):
    path = draft(tmp_path, DECK)
    problem = load_problem(path)
    assert problem.description == 'Two "stage" amplifier'
    assert problem.testbenches["main"].deck.name == "my deck.spice"
    assert problem.pdk is not None
    assert problem.conditions == {"vdd": 1.8}
    assert list(problem.parameters) == ["w1", "l1", "ib", "off", "voff", "wu", "w3"]
    w1, l1, ib, wu = (problem.parameters[n] for n in ("w1", "l1", "ib", "wu"))
    assert (w1.minimum, w1.maximum, w1.start, w1.grid) == (0.8e-6, 20e-6, 4e-6, 5e-9)
    assert l1.minimum == 0.15e-6  # no shorter than the process allows
    assert (ib.minimum, ib.maximum, ib.grid) == (2e-6, 50e-6, 0.0)
    assert (wu.grid, wu.minimum) == (0.005, 0.8)  # a deck that counts in micrometres
    assert problem.parameters["w3"].grid == 0.0  # the deck's own value is off the grid
    assert (problem.parameters["voff"].minimum, problem.parameters["voff"].maximum) == (
        -5e-3,
        -0.2e-3,
    )
    assert list(problem.metrics) == ["gain", "phase", "power", "m1_gm", "v_out"]
    assert {n: m.goal for n, m in problem.objectives.items()} == {
        "gain": "maximize",
        "power": "minimize",
    }
    assert problem.metrics["m1_gm"].measure == "@m1[gm]"
    assert path.read_text().count("TODO") >= 5


@pytest.mark.parametrize(
    "text",
    [
        "t\n.param a=1\nr1 1 0 {a}\n.end\n",
        "t\n.param a=1\nr1 1 0 {a}\n.control\nlet x=1\n.endc\n.end\n",
        "t: # 'odd\" title\n.param vdd=1\nr1 1 0 {vdd}\n.param b=2\n.end\n",
        "no\n.param on=3 yes=-1e-9\nr1 1 0 {on}\n.meas ac off max v(1)\n.end\n",
    ],
)
def test_any_deck_with_a_number_gives_a_draft_that_loads(tmp_path, text):
    problem = load_problem(draft(tmp_path, text))
    assert problem.objectives
    assert problem.start is not None


def test_a_draft_of_an_ordinary_deck_lints_without_errors(tmp_path):
    text = "t\n.param r=1k c=1n\nr1 1 0 {r}\nc1 1 0 {c}\n.meas ac f3db when vdb(1)=-3\n.end\n"
    assert lint(load_problem(draft(tmp_path, text))) == []


def test_a_deck_without_a_number(tmp_path):
    with pytest.raises(DeckError, match=r"has no \.param with a number"):
        draft(tmp_path, "t\n.param a={2*3}\nr1 1 0 {a}\n.end\n")


def test_an_untrusted_deck(tmp_path):
    text = "t\n.param a=1\nr1 1 0 {a}\n.control\nshell ls\n.endc\n.end\n"
    with pytest.raises(UntrustedDeckError):
        draft(tmp_path, text)
    assert load_problem(draft(tmp_path, text, trust=True)).start == {"a": 1.0}


def test_the_draft_is_plain_yaml(tmp_path):
    assert yaml.safe_load(draft(tmp_path, DECK).read_text())["name"] == "my_deck"


def test_names_of_a_parameter_file_to_be_written_become_parameters(tmp_path):
    text = (
        "Divider\n.include 'design_var.inc'\n.param k=2\n"
        "v1 in 0 {vin}\nr1 in out {k*Rtop}\nr2 out 0 1k\n.op\n"
        ".control\nop\nprint v(out)\n.endc\n.end\n"
    )
    with pytest.raises(DeckError, match=r"cannot find .*design_var\.inc.*--parameter-file"):
        draft(tmp_path, text)
    path = draft(tmp_path, text, parameter_file="design_var.inc")
    problem = load_problem(path)
    assert problem.testbenches["main"].parameter_file == "design_var.inc"
    assert sorted(problem.parameters) == ["k", "rtop", "vin"]
    assert problem.parameters["vin"].start is None
    assert "gives no value" in path.read_text()
    assert not [f for f in lint(problem) if f.severity == "error"]


def test_names_that_only_a_run_can_tell_are_left_out(tmp_path):
    loop = "foreach k 1 2\nmeas ac g_$k max vdb(out)\nend\n.endc\n.end"
    problem = load_problem(draft(tmp_path, DECK.replace(".endc\n.end", loop)))
    assert list(problem.metrics) == ["gain", "phase", "power", "m1_gm", "v_out"]
