import pytest

from spiceloop.errors import ProblemError
from spiceloop.spec.load import load_problem

GOOD = """\
name: amp
testbenches:
  main: {deck: tb.spice}
conditions: {vdd: 1.8}
parameters:
  w1: {minimum: 1u, maximum: 5e-5, start: 4u, grid: 5n}
  w2: {tied_to: w1, ratio: 2}
metrics:
  gain: {goal: maximize}
  power: {maximum: 1m}
"""


def write(folder, text, name="problem.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder, text):
    with pytest.raises(ProblemError) as error:
        load_problem(write(folder, text))
    return list(error.value.mistakes)


def test_a_good_file(tmp_path):
    problem = load_problem(write(tmp_path, GOOD))
    assert problem.folder == tmp_path.resolve()
    assert problem.parameters["w1"].maximum == 5e-5  # YAML 1.1 takes 5e-5 for text
    assert problem.start == {"w1": 4e-6}
    assert problem.metrics["power"].maximum == 1e-3


@pytest.mark.parametrize(
    ("metric", "scale"),
    [
        ("unit: dB, minimum: 60", "linear"),
        ("unit: deg, minimum: 60, goal: maximize", "linear"),
        ("unit: dB, minimum: 60, scale: log", "log"),
        ("unit: W, maximum: 1m", "auto"),
        ("unit: '%', maximum: 5", "auto"),
    ],
)
def test_decibels_and_degrees_are_linear_unless_the_file_says_so(tmp_path, metric, scale):
    task = load_problem(write(tmp_path, GOOD + f"  shape: {{{metric}}}\n")).task()
    scales = {each.metric: each.scale for each in (*task.goals, *task.constraints)}
    assert scales == {"gain": "auto", "power": "auto", "shape": scale}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "maximum: 5e-5",
            "maximum: 1M",
            "problem.yaml:6: parameters.w1.maximum: '1M' is ambiguous: SPICE reads M as milli",
        ),
        ("minimum: 1u", "minimum: 4x7", "6: parameters.w1.minimum: cannot read '4x7' as a number"),
        (
            "minimum: 1u",
            "minimum: 1m",
            "6: parameters.w1: minimum 1m is not below maximum 50µ; swap them?",
        ),
        ("start: 4u", "start: 60u", "6: parameters.w1: start = 60µ is outside its bounds 1µ … 50µ"),
        ("start: 4u", "start: 4.001u", "6: parameters.w1: start = 4.001µ is off its 5n grid"),
        ("start: 4u", "start: 4.0001u", "start = 4.0001µ is off its 5n grid; nearest is 4µ"),
        ("minimum: 1u, ", "", "6: parameters.w1: give minimum and maximum, or tied_to"),
        ("minimum", "minimun", "6: parameters.w1.minimun: unknown key (did you mean 'minimum'?)"),
        ("tied_to: w1", "tied_to: w3", "7: parameters.w2.tied_to: 'w3' is not a free parameter"),
        (
            "goal: maximize",
            "goal: maximise",
            "9: metrics.gain.goal: expected 'maximize' or 'minimize', got 'maximise' "
            "(did you mean 'maximize'?)",
        ),
        ("goal: maximize", "unit: V", "8: metrics: none has a goal (maximize or minimize)"),
        (
            "{goal: maximize}",
            "{goal: maximize, testbench: mian}",
            "9: metrics.gain.testbench: no testbench 'mian' (did you mean 'main'?)",
        ),
        ("maximum: 1m", "maximum: .inf", "10: metrics.power.maximum: expected a finite number"),
        ("vdd: 1.8", "w1: 1.8", "4: conditions.w1: also a parameter; it can be only one"),
        (
            "vdd: 1.8",
            "W1: 1.8",
            "4: conditions.W1: the same .param as parameters.w1, for SPICE ignores case",
        ),
        ("vdd: 1.8", "temperature: -300", "4: conditions.temperature: -300 °C is no temperature"),
        ("vdd: 1.8", "temperature: 300K", "4: conditions.temperature: 300000 °C is no temperature"),
        ("vdd: 1.8", "temperature: 300 K", "4: conditions.temperature: '300 K' is ambiguous"),
        (
            "{deck: tb.spice}",
            "{deck: tb.spice, timeout: 2 m}",
            "3: testbenches.main.timeout: cannot read '2 m' as a time",
        ),
        ("vdd: 1.8", "vdd: 1:30", "4: conditions.vdd: cannot read '1:30' as a number"),
        ("{deck: tb.spice}", "{dack: tb.spice}", "3: testbenches.main.deck: is missing"),
        ("  w2:", "  2w:", "7: parameters.2w: '2w' is no name"),
        ("name: amp", "title: amp", "1: name: is missing"),
        ("name: amp", "name: amp\nmetric: 3", "2: metric: unknown key (did you mean 'metrics'?)"),
        ("name: amp", "name: amp\npdk: sky131", "2: pdk.name: unknown pdk 'sky131' (did you mean"),
        (
            "name: amp",
            "name: amp\npdk: {name: sky130, library: combine}",
            "2: pdk.library: pdk sky130 has no library 'combine' (did you mean 'combined'?)",
        ),
        ("name: amp", "name: [a]", "1: name: expected text, got a list"),
        (
            "{deck: tb.spice}",
            "{deck: tb.spice, functions: meas.py:f}",
            "3: testbenches.main.functions: expected a list, such as [a, b], got 'meas.py:f'",
        ),
        ("power: {", "power {", "10: metrics.power {maximum: 'power {maximum' is no name"),
        ("power: {", "power {", "is a colon missing before the brace?"),
        ("gain: {goal: maximize}", "gain: maximize", "metrics.gain: expected keys with values"),
        (
            "goal: maximize",
            "goal: maximize, unit: db",
            "metrics.gain.unit: expected 'dB', got 'db'",
        ),
        ("start: 4u", "start: 4u, unit: DEG", "w1.unit: expected 'deg', got 'DEG'"),
        ("  w2:", "  w1:", "7: parameters.w1 (line 7): given twice, first on line 6"),
        ("vdd: 1.8", "vdd: !!python/name:os.system 1", "4: conditions.vdd: the YAML tag"),
    ],
)
def test_one_mistake(tmp_path, old, new, said):
    found = mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert any(said in m for m in found), found
    assert all(m.startswith("problem.yaml:") for m in found)


def test_every_mistake_at_once_in_file_order(tmp_path):
    text = (
        GOOD.replace("maximum: 5e-5", "maximum: 1M")
        .replace("tied_to: w1", "tied_to: w9")
        .replace("goal: maximize", "goal: up, testbench: mian")
        .replace("maximum: 1m", "maximum: 1m, testbench: other")
        .replace("vdd: 1.8", "vdd: , w2: 1")
    )
    found = mistakes(tmp_path, text)
    assert [m.split(": ")[1] for m in found] == [
        "conditions.vdd",
        "conditions.w2",
        "parameters.w1.maximum",
        "parameters.w2.tied_to",
        "metrics.gain.goal",
        "metrics.power.testbench",
    ]
    assert [int(m.split(":")[1]) for m in found] == [4, 4, 6, 7, 9, 10]


def test_the_message_holds_the_file_and_the_count(tmp_path):
    with pytest.raises(ProblemError, match=r"problem\.yaml has a mistake:\n  - problem\.yaml:4: "):
        load_problem(write(tmp_path, GOOD.replace("1.8", "1M")))


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n"])
def test_an_empty_file(tmp_path, text):
    with pytest.raises(ProblemError, match=r"is empty; `spiceloop init DECK` drafts"):
        load_problem(write(tmp_path, text))


def test_a_missing_file(tmp_path):
    with pytest.raises(ProblemError, match="there is no problem file"):
        load_problem(tmp_path / "nope.yaml")


def test_a_folder(tmp_path):
    with pytest.raises(ProblemError, match="cannot read the problem file"):
        load_problem(tmp_path)


def test_not_text(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(ProblemError, match="not a text file in UTF-8"):
        load_problem(path)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n"])
def test_no_mapping_at_the_top(tmp_path, text):
    with pytest.raises(ProblemError, match=r"problem\.yaml:1: expected keys such as name:"):
        load_problem(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name: amp\n  bad: [1\n", 2, ""),
        ("name: 'amp\n", 2, ""),
        ("a: b\n\tc: d\n", 2, "a tab, where"),
        ("a:\n  b {unit: Hz, maximum: 3}\n", 2, "one missing after the line's name"),
    ],
)
def test_a_syntax_error_names_its_line(tmp_path, text, line, reason):
    said = rf"problem\.yaml:{line}: this is no valid YAML: .*{reason}"
    with pytest.raises(ProblemError, match=said):
        load_problem(write(tmp_path, text))


def test_keys_are_text_and_numbers_are_decimal(tmp_path):
    text = GOOD.replace("gain:", "on:").replace("vdd: 1.8", "vdd: 010")
    problem = load_problem(write(tmp_path, text))
    assert "on" in problem.metrics
    assert problem.conditions["vdd"] == 10.0


def test_aliases_and_merges(tmp_path):
    text = GOOD.replace("  w2:", "  w0: &size {minimum: 1u, maximum: 9u}\n  wx: *size\n  w2:")
    text = text.replace("  w2:", "  wy: {<<: *size, maximum: 8u}\n  w2:")
    problem = load_problem(write(tmp_path, text))
    assert problem.parameters["wx"].maximum == 9e-6
    assert (problem.parameters["wy"].minimum, problem.parameters["wy"].maximum) == (1e-6, 8e-6)


def test_aliases_that_multiply_are_refused(tmp_path):
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 10)
    )
    with pytest.raises(ProblemError, match="aliases"):
        load_problem(write(tmp_path, text))


def test_an_alias_of_itself_is_refused(tmp_path):
    with pytest.raises(ProblemError, match="aliases"):
        load_problem(write(tmp_path, "a: &a [*a]\n"))
