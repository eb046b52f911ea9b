import subprocess
import sys

import pytest

from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import DeckError, UntrustedDeckError

BODY = "title\n.param w1=4u\nr1 1 0 {w1}\nv1 1 0 1\n.op\n.end\n"


def write(folder, text, name="deck.spice"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_missing_netlist(tmp_path):
    with pytest.raises(DeckError, match=r"nope\.spice: there is no such file"):
        Netlist.load(tmp_path / "nope.spice")


def test_a_folder_is_no_netlist(tmp_path):
    with pytest.raises(DeckError, match="it is not a file"):
        Netlist.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "title\n", "title\n* only\n.end\n", "r1 1 0 1k\n.end\n"]
)
def test_an_empty_netlist(tmp_path, text):
    with pytest.raises(DeckError, match=r"deck\.spice: the netlist is empty"):
        Netlist.load(write(tmp_path, text))


def test_a_binary_file(tmp_path):
    path = tmp_path / "deck.spice"
    path.write_bytes(b"title\nr1 1 0 1\0\n")
    with pytest.raises(DeckError, match="not a text file"):
        Netlist.load(path)


def test_a_missing_include_says_where_what_and_how(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, "* \n.include models/n.inc\n", "sub/a.inc")
    path = write(tmp_path, "title\n.include sub/a.inc\nr1 1 0 1\n")
    with pytest.raises(DeckError) as error:
        Netlist.load(path)
    text = str(error.value)
    assert text.startswith(f"{tmp_path.resolve() / 'sub/a.inc'}:2: ")
    assert str(tmp_path.resolve() / "models/n.inc") in text
    assert str(tmp_path.resolve() / "sub/models/n.inc") in text
    assert "parameter_file" in text


def test_an_unset_variable_in_an_include(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH", raising=False)
    path = write(tmp_path, "title\n.include $NO_SUCH/n.inc\nr1 1 0 1\n")
    with pytest.raises(DeckError, match="set the environment variable"):
        Netlist.load(path)


def test_a_variable_in_an_include_is_expanded(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    write(tmp_path, ".param w2=1\n", "sub/n.inc")
    monkeypatch.setenv("MODELS", str(tmp_path / "sub"))
    path = write(tmp_path, f"title\n.include ${{MODELS}}/n.inc\n{BODY}")
    assert "w2" in Netlist.load(path).parameters


def test_a_circle_of_includes(tmp_path):
    write(tmp_path, ".include b.inc\n", "a.inc")
    write(tmp_path, "* \n.include a.inc\n", "b.inc")
    path = write(tmp_path, "title\n.include a.inc\nr1 1 0 1\n")
    with pytest.raises(DeckError, match=r"b\.inc:2: .*circle: a\.inc → b\.inc → a\.inc"):
        Netlist.load(path)


def test_includes_that_multiply_are_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("spiceloop.circuit.includes._MAX_LINES", 1000)
    write(tmp_path, "r1 1 0 1\n" * 10, "i0.inc")
    for k in range(1, 12):
        write(tmp_path, f".include i{k - 1}.inc\n" * 10, f"i{k}.inc")
    with pytest.raises(DeckError, match="add up to over 1000 lines"):
        Netlist.load(write(tmp_path, "title\n.include i11.inc\n"))


def test_a_parameter_file_that_the_deck_does_not_include(tmp_path):
    with pytest.raises(DeckError, match=r"includes no 'x\.inc'"):
        Netlist.load(write(tmp_path, BODY), parameter_file="x.inc")


def test_unknown_names_are_all_listed_with_a_hint(tmp_path):
    netlist = Netlist.load(write(tmp_path, BODY))
    with pytest.raises(DeckError, match=r"'w_1' \(did you mean 'w1'\?\), 'zz'; it has w1"):
        netlist.render({"w_1": 1.0, "zz": 2.0}, name="x")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite(tmp_path, value):
    netlist = Netlist.load(write(tmp_path, BODY))
    with pytest.raises(DeckError, match=r"w1 = .* is not a finite number"):
        netlist.render({"w1": value}, name="x")


def test_a_deck_without_changes_is_rendered_as_it_is(tmp_path):
    deck = Netlist.load(write(tmp_path, BODY)).render({}, name="main")
    assert deck.text == BODY
    assert deck.name == "main"
    assert deck.home == tmp_path.resolve()


def test_conditions_are_params_too(tmp_path):
    netlist = Netlist.load(write(tmp_path, BODY))
    assert ".param w1=3.0" in netlist.render({}, name="x", conditions={"w1": 3.0}).text
    with pytest.raises(DeckError, match="'vdd'"):
        netlist.render({}, name="x", conditions={"vdd": 3.0})


def test_parameters_of_a_subcircuit_are_not_the_decks(tmp_path):
    text = "title\n.param a=1\n.subckt s x w=2\n.param b=3\nr1 x 0 {b}\n.ends\n.param c=4\nx1 1 s\n"
    assert dict(Netlist.load(write(tmp_path, text)).parameters) == {"a": "1", "c": "4"}


def test_provenance_of_included_lines(tmp_path):
    write(tmp_path, "* first\n.param w2=1\n", "n.inc")
    netlist = Netlist.load(write(tmp_path, f"title\n.include n.inc\n{BODY}"))
    (card,) = (c for c in netlist.cards if "w2" in c.text)
    assert (card.source.file.name, card.source.number) == ("n.inc", 2)


def test_measures_and_how_they_are_given(tmp_path):
    text = BODY.replace(
        ".op\n",
        """.op
.meas ac f3db when vdb(out)=-3
.MEASURE TRAN delay
+ trig v(in) val=0.5 rise=1 targ v(out) val=0.5 rise=1
.control
meas dc Vmax max v(out)
let gain = vdb(out)[0]
let curve = v(out)*2
print gain v(out) @r1[i] > log.txt
print line all
echo "iq = $&x" offset: $y
* meas dc no max v(out)
.endc
""",
    )
    measures = dict(Netlist.load(write(tmp_path, text)).measures)
    assert measures == {
        "f3db": "meas",
        "delay": "meas",
        "Vmax": "meas",
        "gain": "print",
        "curve": "let",
        "v(out)": "print",
        "@r1[i]": "print",
        "iq": "echo",
        "offset": "echo",
    }


def test_a_missing_library_is_noted_and_left_alone(tmp_path):
    card = '.lib "/opt/pdk/sky130.lib.spice" tt'
    netlist = Netlist.load(write(tmp_path, BODY.replace(".op", card)))
    (library,) = netlist.libraries
    assert library.path is None
    assert card in netlist.render({"w1": 1.0}, name="x").text


def test_importing_is_light():
    code = (
        "import sys, spiceloop.circuit.netlist as n;"
        "heavy = {'torch', 'optuna', 'pandas', 'matplotlib', 'quantiphy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_refused_command_names_file_and_line(tmp_path):
    write(tmp_path, ".control\nop\nshell rm -rf x\n.endc\n", "run.inc")
    path = write(tmp_path, f"{BODY}\n.include run.inc\n")
    with pytest.raises(DeckError) as error:
        Netlist.load(path)
    assert str(error.value).startswith(f"{tmp_path.resolve() / 'run.inc'}:3: 'shell' would leave")
    assert "--trust-deck" in str(error.value)


def test_every_refusal_is_listed(tmp_path):
    path = write(tmp_path, f"{BODY}.control\nshell a\nsource b\nwrite /x\n.endc\n")
    with pytest.raises(DeckError) as error:
        Netlist.load(path)
    assert len(str(error.value).splitlines()) == 4


@pytest.mark.parametrize("card", [".lib $LIBRARY/x.lib tt", '.lib "${LIBRARY}/x.lib" TT ; typical'])
def test_a_variable_in_a_library_name(tmp_path, monkeypatch, card):
    (tmp_path / "models").mkdir()
    file = write(tmp_path, "* x\n.lib tt\n.endl\n", "models/x.lib")
    monkeypatch.setenv("LIBRARY", str(tmp_path / "models"))
    path = write(tmp_path, BODY.replace(".op", card))
    text = Netlist.load(path).render({}, name="x").text
    assert f'.lib "{file.resolve()}"' in text
    file.write_text("* x\n.lib tt\n.include more.inc\n.endl\n")
    write(tmp_path, "* harmless\n", "more.inc")
    write(tmp_path, ".control\nshell ls\n.endc\n", "models/more.inc")
    with pytest.raises(UntrustedDeckError, match=r"more\.inc:1 holds \.control"):
        Netlist.load(path)


def test_a_mistyped_command_is_told_with_the_closest_name(tmp_path):
    path = write(tmp_path, "* x\n.control\nmaes ac peak max v(out)\n.endc\n.end\n")
    with pytest.raises(UntrustedDeckError, match=r"'maes' is no .*did you mean 'meas'\?"):
        Netlist.load(path)
