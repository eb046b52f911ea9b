"""Each way out of the simulator that ngspice really takes is one that the vetting refuses.

Every deck tries to make a file ``pwned``; ngspice runs it in an empty folder. What makes the file
(or starts a program) must be refused. The list of `HARMLESS` ones guards against refusing too much.
"""

import os
import subprocess

import pytest

from spiceloop.circuit.netlist import Netlist
from spiceloop.errors import UntrustedDeckError

pytestmark = pytest.mark.ngspice

# In a .control block, after `op`. {out} is a path outside the run's folder.
WAYS_OUT = [
    "shell touch {out}",
    "SHELL touch {out}",
    "shell\n+ touch {out}",
    "shell \\\\\ntouch {out}",
    "* comment \\\\\nshell touch {out}",
    "$ comment \\\\\nshell touch {out}",
    "echo a \\\\\n* comment\nshell touch {out}",
    "echo a\n+\nshell touch {out}",
    "  shell touch {out}",
    "pre_shell touch {out}",
    "PRE_shell touch {out}",
    "'shell' touch {out}",
    "sh\\ell touch {out}",
    "{{shell}} touch {out}",
    "set c=shell\n{{$c}} touch {out}",
    "alias foo shell touch {out}\nfoo",
    "alias foo\tshell touch {out}\nfoo",
    "set\tf={out}\nwrite\t$f v(1)",
    "set f={out}\nlet x = 1 > $f",
    "set unixcom\ntouch {out}",
    "set\tunixcom\ntouch {out}",
    "if 1\nshell touch {out}\nend",
    "foreach v 1 2\nshell touch {out}\nend",
    "repeat 1\nshell touch {out}\nend",
    "echo `touch {out}`",
    'echo "`touch {out}`"',
    "foreach v `touch {out}`\nend",
    "let x=`touch {out}`",
    "set x = ( `touch {out}` )",
    "if `touch {out}`\nend",
    "echo hi > {out}",
    "echo hi >> {out}",
    "let x = 1 > {out}",
    "print v(1) > {out}",
    "print v(1) >{out}",
    "wrdata {out} v(1)",
    "write {out} v(1)",
    "write '{out}' v(1)",
    "write {{{out}}} v(1)",
    "set f={out}\nwrite $f v(1)",
    "set f=( a {out} )\nwrite $f[2] v(1)",
    "foreach f {out}\nwrite $f v(1)\nend",
    "write $PWNED v(1)",
    "wrnodev {out}",
    "run {out}",
    "set rawfile={out}\nwrite",
    "source pwn.src",
    "load pwn.raw",
    "circbyline t\ncircbyline r1 1 0 1\ncircbyline *#shell touch {out}\ncircbyline .end",
    "cd ..\necho a > pwned",
    'set lprps="touch {out} #"\nset hcopydev=x\nhardcopy x.ps v(1)',
    "gnuplot {out} v(1)",
]
# As cards of the deck.
CARDS_OUT = [
    "*#shell touch {out}",
    "  *# shell touch {out}",
    ".controlx\nshell touch {out}\n.endc",
    ".control\n.endc\n.CONTROL\nshell touch {out}\n.ENDC",
    ".end\n.control\nshell touch {out}\n.endc",
    ".if (0)\n.control\nshell touch {out}\n.endc\n.endif",
    ".control\nop\necho a \\\\\n.endc\nshell touch {out}",
    ".option f={out}\n.control\nop\nwrite $f v(1)\n.endc",
    ".lib 'pwn.lib' tt",
    ".include pwn.inc",
    ".include pwn2.inc",
]
# Refused though ngspice 39 does not run them: other versions may.
REFUSED_ANYWAY = [
    "nosuchcommand > {out}",
    "1 > {out}",
    "option lprps=x",
    "system touch {out}",
    "!touch {out}",
    "op ; shell touch {out}",
    '"shell" touch {out}',
    "$c touch {out}",
    "codemodel ./evil.cm",
    "pre_codemodel ./evil.cm",
    "osdi evil.osdi",
    "pre_osdi evil.osdi",
    "use evil.so",
    "edit",
    "aspice x",
    "rspice x",
    "snload a b",
    "xgraph x v(1)",
    "write ~/pwned v(1)",
    "write a/../../pwned v(1)",
    'write "."./pwned v(1)',
    "set 'unix'com",
]
HARMLESS = [
    "write out.raw v(1)",
    "wrdata results.txt v(1)",
    "set f=run1\nwrite {$f}.raw v(1)",
    "foreach k 1 2 3\nwrdata out{$k}.txt v(1)\nend",
    "let k=3\nwrdata out_{$&k}.txt v(1)",
    "write $curplot.raw",
    "print v(1) > log.txt",
    "echo gain = $&gain",
    "let x = v(1)/2 > 3",
    "if v(1) > 0.5\nprint v(1)\nend",
    "if $&x > /2\nend",
    "let shell = 3",
    "print shell",
    "echo the system is stable ; source follower",
    "* shell touch it",
    "$ shell touch it",
    "set filetype=ascii\nset hcopydevtype=postscript\nhardcopy plot.ps v(1)",
    "alias q quit",
    "meas ac x when vdb(out)=-3",
    "alter @r1[resistance]=2k",
    "quit",
]


def deck(folder, body, *, control):
    text = f".control\nop\n{body}\n.endc" if control else body
    path = folder / "run" / "deck.sp"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"title\nr1 1 0 1\nv1 1 0 dc 1\n.op\n{text}\n.end\n")
    return path


def place(folder, body):
    """Fill in the path, and write the files that some decks read."""
    out = folder / "pwned"
    run = folder / "run"
    run.mkdir(exist_ok=True)
    (run / "pwn.src").write_text(f"*ng_script\nshell touch {out}\n")
    (run / "pwn.inc").write_text(f".control\nshell touch {out}\n.endc\n")
    (run / "pwn2.inc").write_text("\n.include pwn.inc\n")
    (run / "pwn.lib").write_text(f".lib tt\n.control\nshell touch {out}\n.endc\n.endl\n")
    (run / "pwn.raw").write_text(
        f"Title: x\nPlotname: x\nFlags: real\nNo. Variables: 1\nNo. Points: 1\n"
        f"Command: shell touch {out}\nVariables:\n\t0\tv(1)\tvoltage\nValues:\n 0\t1.0\n"
    )
    return body.format(out=out)


def escaped(folder, path):
    subprocess.run(
        ["ngspice", "-b", path.name],
        cwd=path.parent,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env={**os.environ, "PWNED": str(folder / "pwned"), "DISPLAY": ""},
    )
    return any(p.name.startswith("pwned") for p in folder.iterdir())


@pytest.fixture
def folder(tmp_path_factory):
    # ngspice lower-cases most of a deck, so the path must be in lower case.
    path = tmp_path_factory.getbasetemp().parent / f"vet{os.getpid()}_{os.urandom(4).hex()}"
    path.mkdir()
    yield path
    for p in sorted(path.rglob("*"), reverse=True):
        p.unlink() if p.is_file() else p.rmdir()
    path.rmdir()


@pytest.mark.parametrize(
    ("body", "control"), [(b, True) for b in WAYS_OUT] + [(b, False) for b in CARDS_OUT]
)
def test_what_escapes_is_refused(folder, body, control):
    path = deck(folder, place(folder, body), control=control)
    assert escaped(folder, path), "this spelling no longer leaves ngspice; move it to another list"
    with pytest.raises(UntrustedDeckError, match=r"--trust-deck"):
        Netlist.load(path)
    Netlist.load(path, trust=True)


@pytest.mark.parametrize("body", REFUSED_ANYWAY)
def test_refused_to_be_safe(folder, body):
    path = deck(folder, place(folder, body.replace("{'", "{{'")), control=True)
    with pytest.raises(UntrustedDeckError):
        Netlist.load(path)


@pytest.mark.parametrize("body", HARMLESS)
def test_ordinary_commands_pass(folder, body):
    Netlist.load(deck(folder, body, control=True))


def test_a_command_script_is_refused(folder):
    out = folder / "pwned"
    (folder / "run").mkdir()
    path = folder / "run" / "deck.sp"
    path.write_text(f"*ng_script\nshell touch {out}\nr1 1 0 1\n")
    assert escaped(folder, path)
    with pytest.raises(UntrustedDeckError, match="ng_script"):
        Netlist.load(path)


def test_the_rest_of_a_file_after_an_at_sign_is_neither_run_nor_rendered(folder):
    path = deck(folder, place(folder, "@\n.control\nshell touch {out}\n.endc"), control=False)
    assert not escaped(folder, path)
    assert "shell" not in Netlist.load(path).render({}, name="x").text


@pytest.mark.parametrize("model", ["d_process", "d_cosim", "D_Process"])
def test_models_that_run_programs_are_refused(folder, model):
    path = deck(folder, f'.model p {model}(process_file="evil")', control=False)
    with pytest.raises(UntrustedDeckError, match="run programs"):
        Netlist.load(path)
