import pytest

from spiceloop.circuit.pdk.base import CompileReport
from spiceloop.errors import DesignError
from spiceloop.spec.lint import lint
from spiceloop.spec.load import load_problem

DECK = """\
RC
.param r1=1k c1=1n vdd=1.8
v1 in 0 {vdd} ac 1
r1 in out {r1}
c1 out 0 {c1}
.ac dec 10 1 1meg
.meas ac f3db when vdb(out)=-3
.end
"""
PROBLEM = """\
name: rc
testbenches:
  main:
    deck: rc.spice
conditions: {vdd: 1.5, temperature: 85}
parameters:
  r1: {minimum: 100, maximum: 10k, start: 1k}
  c1: {minimum: 100p, maximum: 10n, start: 1n}
metrics:
  f3db: {goal: maximize}
"""


def check(tmp_path, deck=DECK, problem=PROBLEM, **files):
    (tmp_path / "rc.spice").write_text(deck)
    (tmp_path / "problem.yaml").write_text(problem)
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    return [str(f) for f in lint(load_problem(tmp_path / "problem.yaml"))]


def test_a_sound_problem_has_no_findings(tmp_path):
    assert check(tmp_path) == []


def test_every_mistake_is_found_at_once(tmp_path):
    found = check(
        tmp_path,
        DECK.replace("{c1}", "1M"),
        PROBLEM.replace("c1:", "c_1:").replace("vdd:", "vd:").replace("f3db:", "f3d:")
        + "  gain: {measure: vdb(out)}\n"
        + "  vout: {measure: nothing}\n",
    )
    assert [f.partition(". Add")[0] for f in found] == [
        "error: parameters.c_1: no .param 'c_1' in rc.spice (did you mean 'c1'?)",
        "error: conditions.vd: no .param 'vd' in rc.spice (did you mean 'vdd'?)",
        "error: metrics.f3d: no measure 'f3d' in rc.spice (did you mean 'f3db'?)",
        "error: metrics.vout: no measure 'nothing' in rc.spice; there are f3db",
        f"warning: {tmp_path.resolve() / 'rc.spice'}:5: 1M: SPICE reads M as milli; "
        "write 1meg for mega or 1m for milli",
    ]


def test_a_missing_deck_does_not_hide_the_rest(tmp_path):
    problem = PROBLEM.replace("conditions:", "  other: {deck: nope.spice}\nconditions:")
    found = check(tmp_path, problem=problem + "  late: {testbench: main}\n")
    assert len(found) == 2
    assert "error: testbenches.other: cannot read the netlist" in found[0]
    assert "nope.spice: there is no such file" in found[0]
    assert "metrics.late: no measure 'late'" in found[1]


def test_an_untrusted_deck_is_an_error_unless_trusted(tmp_path):
    deck = DECK.replace(".end\n", ".control\nshell ls\n.endc\n.end\n")
    (found,) = check(tmp_path, deck)
    assert "'shell' would leave the simulator" in found
    assert lint(load_problem(tmp_path / "problem.yaml"), trust=True) == []


def test_functions_are_imported(tmp_path):
    problem = PROBLEM.replace(
        "deck: rc.spice",
        "deck: rc.spice\n    functions: [m.py:measure, m.py:mesure, no.py:f, b.py:f]",
    ).replace("f3db:", "anything:")
    found = check(
        tmp_path,
        problem=problem,
        m__py="def measure(waves):\n    return {}\n",
        b__py="import no_such_module\n",
    )
    assert len(found) == 3
    assert "has no function 'mesure' (did you mean 'measure'?)" in found[0]
    assert "there is no file" in found[1]
    assert "b.py:f cannot be imported: ModuleNotFoundError" in found[2]


def test_two_decks_give_the_same_measure(tmp_path):
    problem = PROBLEM.replace("conditions:", "  two: {deck: rc.spice}\nconditions:")
    (found,) = check(tmp_path, problem=problem)
    assert "metrics.f3db: testbenches main and two both give 'f3db'" in found


def test_a_deck_without_any_of_the_parameters(tmp_path):
    problem = PROBLEM.replace("conditions:", "  two: {deck: two.spice}\nconditions:")
    found = check(tmp_path, problem=problem, two__spice="t\nr1 1 0 1\nv1 1 0 1\n.end\n")
    assert found == [
        "warning: testbenches.two: two.spice has none of the parameters; its results never change"
    ]


def test_no_start(tmp_path):
    (found,) = check(tmp_path, problem=PROBLEM.replace(", start: 1n", ""))
    assert "no start for c1" in found


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("r9 out 0 1M", "1M: SPICE reads M as milli"),
        ("r9 out 0 2.2MOhm", "2.2MOhm: SPICE reads M as milli; write 2.2meg"),
        ("r9 out 0 r=1M", "1M: SPICE"),
        (".param x=1M", "1M: SPICE"),
        (".tran 1n 1M", "1M: SPICE"),
        ("r9 out 0 4k7", "4k7: ngspice drops what follows the suffix; write 4.7k"),
        ("c9 out 0 1F", "1F: SPICE reads F as femto"),
        (".param x=3µ", "ngspice reads no µ in a .param"),
        ("r9 out 0 3μ", "Greek letter"),
        (".param x=3mil", "ngspice reads mil as milli in a .param"),
        ("r9 out 0 3a", "later versions read atto"),
    ],
)
def test_suffix_mistakes(tmp_path, card, said):
    (found,) = check(tmp_path, DECK.replace(".end\n", f"{card}\n.end\n"))
    assert found.startswith(f"warning: {tmp_path.resolve() / 'rc.spice'}:8: ")
    assert said in found


@pytest.mark.parametrize(
    "card",
    [
        "r9 out 0 1meg",
        "r9 out 0 1MEG",
        "r9 out 0 1Megohm",
        "r9 out 0 1m",
        "r9 n1M 0 10k",
        "c9 out 0 10pF",
        "c9 out 0 1uF",
        "* 1M",
        "r9 out 0 1k ; about 1M",
        ".param x=1e-6 y=2.5e3k",
        "v9 n9 0 pulse(0 1.8 1n 10p 10p 5ns 10ns)",
        ".model nm nmos level=1 vto=0.7",
        "v9 n9 0 3V",
    ],
)
def test_ordinary_numbers_pass(tmp_path, card):
    assert check(tmp_path, DECK.replace(".end\n", f"{card}\n.end\n")) == []


def test_libraries(tmp_path):
    deck = DECK.replace(
        ".end\n", '.lib "x.lib" tt\n.lib "y.lib" ss\n.lib "y.lib" TT ; fine\n.end\n'
    )
    found = check(tmp_path, deck, y__lib="* lib\n.lib tt\n.endl\n.lib ff ; fast\n.endl\n")
    assert [f.partition("rc.spice:")[2] for f in found] == [
        "8: there is no library 'x.lib'",
        "9: y.lib has no section 'ss'; it has ff, tt",
    ]


def test_the_sky130_library_without_the_pdk(tmp_path):
    deck = DECK.replace(".end\n", '.lib "sky130.lib.spice" tt\n.end\n')
    (found,) = check(tmp_path, deck)
    assert found.startswith("error: ")
    assert "add `pdk: sky130` to the problem" in found


def test_the_pdk_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setattr("spiceloop.spec.lint._bins", lambda *_: [])
    (found,) = check(tmp_path, problem=PROBLEM + "pdk: sky130\n")
    assert found.startswith("warning: pdk: no deck has a .lib line of the sky130 library")


def test_a_library_of_another_pdk(tmp_path):
    deck = DECK.replace(".end\n", '.lib "sky130.lib.spice" tt\n.end\n')
    found = check(tmp_path, deck, problem=PROBLEM + "pdk: generic\n")
    assert any("of the pdk sky130, the problem has pdk: generic" in f for f in found), found


def test_a_bare_expression_with_blanks(tmp_path):
    deck = DECK.replace(".end\n", ".param total = 2 * 3 plain=2*3 braced = {2 * 3}\n.end\n")
    (found,) = check(tmp_path, deck)
    assert "total = 2 * 3: of an expression with blanks" in found
    assert "write total={2 * 3}" in found


def test_what_the_compiler_leaves_to_ngspice_is_said(tmp_path):
    deck = DECK.replace(
        ".end\n",
        '.lib "generic.lib.spice" tt\nxm out out 0 0 generic_nmos_1v8 w=2u l=1u\n.control\n'
        "altermod r1 tnom = 27\n.endc\n.end\n",
    )
    found = check(tmp_path, deck, problem=PROBLEM + "pdk: generic\n")
    assert [f for f in found if "keeps the whole library file: it uses altermod" in f], found


class NarrowPdk:
    """A process whose models end at 5 kΩ, to force what real bins do."""

    def compile_with_report(self, deck):
        return self.compile(deck), CompileReport()

    def compile(self, deck, *, sample=None):
        for line in deck.text.splitlines():
            if "r1=" in line and float(line.partition("r1=")[2].split()[0]) > 5e3:
                raise DesignError("r1 = 10 kΩ is outside every model")
        return deck


def test_bounds_outside_the_models(tmp_path, monkeypatch):
    import spiceloop.circuit.pdk as pdk

    monkeypatch.setattr(pdk, "get_pdk", lambda *_: NarrowPdk(), raising=False)
    deck = DECK.replace(".end\n", '.lib "sky130.lib.spice" tt\n.end\n')
    problem = PROBLEM + "pdk: sky130\n"
    assert check(tmp_path, deck, problem) == [
        "warning: parameters.r1.maximum: r1 = 10 kΩ is outside every model"
    ]
    (found,) = check(tmp_path, deck, problem.replace("start: 1k", "start: 6k"))
    assert found.startswith("error: parameters: the start cannot be simulated: r1 = 10 kΩ")


def test_names_put_together_in_a_loop_are_known_to_be_possible(tmp_path):
    loop = ".control\nforeach k 1 2\nmeas ac f_$k when vdb(out)=-3\nend\n.endc\n.end"
    deck = DECK.replace(".end", loop)
    assert check(tmp_path, deck, PROBLEM + "  F_1: {}\n") == []
    found = check(tmp_path, deck, PROBLEM + "  g_1: {}\n")
    assert len(found) == 1
    assert "no measure 'g_1'" in found[0]


def test_a_parameter_named_as_a_function_of_ngspice_is_warned_of(tmp_path):
    found = check(tmp_path, DECK.replace("vdd=1.8", "vdd=1.8 Ln=1u"))
    assert len(found) == 1
    assert found[0].startswith("warning: rc.spice: .param Ln: ngspice takes Ln")


def test_numbers_that_an_analysis_gives_unasked_are_known(tmp_path):
    deck = DECK.replace(".end", ".control\nnoise v(out) v1 dec 5 1 1k\ntf v(out) v1\n.endc\n.end")
    more = "  onoise_total: {}\n  tf0: {measure: transfer_function}\n"
    assert check(tmp_path, deck, PROBLEM + more) == []
    assert len(check(tmp_path, DECK, PROBLEM + more)) == 2


def test_a_deck_without_its_title(tmp_path):
    found = check(tmp_path, DECK.removeprefix("RC\n"))
    said = "warning: rc.spice:1: .param r1=1k c1=1n vdd=1.8: to SPICE the first line"
    assert any(f.startswith(said) for f in found)
    assert check(tmp_path, DECK.replace("RC", ".title RC")) == []


def test_a_comma_that_hangs_ngspice_is_warned_of(tmp_path):
    found = check(tmp_path, DECK.replace("c1=1n vdd", "c1=1n, vdd"))
    assert len(found) == 1
    assert "rc.spice:2: c1=1n, — at a comma" in found[0]


@pytest.mark.parametrize("name", ["temp", "Temperature", "TEMP"])
def test_temp_is_pointed_to_temperature(tmp_path, name):
    assert check(tmp_path, problem=PROBLEM.replace("temperature:", f"{name}:")) == [
        f"error: conditions.{name}: no .param {name!r} in rc.spice (did you mean 'temperature'?)"
    ]


@pytest.mark.parametrize("command", ["set temp=50", "OPTION reltol=1e-4 TEMP = 50"])
def test_a_deck_that_sets_its_own_temperature_is_warned_of(tmp_path, command):
    deck = DECK.replace(".end\n", f".control\n{command}\necho set temp=9\nrun\n.endc\n.end\n")
    (found,) = check(tmp_path, deck)
    assert f"{command}: sets the temperature anew, so the condition temperature of" in found
    assert check(tmp_path, deck, PROBLEM.replace(", temperature: 85", "")) == []
