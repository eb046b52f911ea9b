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
    "write\n.end\n+ {out} v(1)",
    "write\n\\\\\n{out} v(1)",
    "wrnodev {out}",
    "run {out}",
    "set rawfile={out}\nwrite",
    "source pwn.src",
    "load pwn.raw",
    "circbyline t\ncircbyline r1 1 0 1\ncircbyline *#shell touch {out}\ncircbyline .end",
    "cd ..\necho a > pwned",
    'set lprps="touch {out} #"\nset hcopydev=x\nhardcopy x.ps v(1)',
    "gnuplot {out} v(1)",
    # Names that ngspice reads differently from how they look.
    "sh\x1bell touch {out}",
    "sh\x16ell touch {out}",
    "write \x16{out} v(1)",
    "write,{out} v(1)",
    "wrdata,{out} v(1)",
    "pwn.src",
    "./pwn.src",
    "elseif 1 > {out}",
    "options unixcom\ntouch {out}",
    # Files that no command's name tells of.
    "mdump {out}",
    "mrdump {out}",
    # Redirections in quotes, braces, and words of their own.
    "echo hi '>' {out}",
    "echo hi > & {out}",
    "echo hi '{{>,{out}}}'",
    "echo hi '{{>}}' {out}",
    "let 'x' = 1 '>' {out}",
    # Variables: their values are acted on, those that are not there make room for the next word.
    'set r=">"\necho hi $r {out}',
    "set r='>'\necho hi $r {out}",
    'set a=( x ">" )\necho hi $a[2] {out}',
    'option r=">"\necho hi $r {out}',
    'set r=">$nosuch"\necho hi $r {out}',
    "set e=''\necho hi {{'>'}}$e {out}",
    'set a="&"\necho hi > $a {out}',
    "foreach v > a\necho hi $v {out}\nend",
    "setplot new\nset curplotname='>'\necho hi $curplotname {out}",
    "write $&nosuch{out} v(1)",
    "write $&nosuch {out} v(1)",
    "set x=( a b )\nwrite $x[9] {out} v(1)",
    "echo hi > $&nosuch {out}",
    "set d=..\nwrite {{$d}}/pwned v(1)",
    "set d=..\ncd $d\nwrite pwned v(1)",
    "set x=PWNED\nwrite $PWNED v(1)",
    "setcs x=$PWNED\nwrite $x v(1)",
    "echo a\t$\t> {out}",
    # Variables that switch something on, set by another command or by a list.
    "foreach unixcom 1\nend\ntouch {out}",
    'strcmp unixcom "a" "b"\ntouch {out}',
    "set d=com\nset b = ( c unix{{$d}} )\nset a = $b\ntouch {out}",
    "set d=com\nset b = ( c unix{{$d}} )\nset a = $b[1-2]\ntouch {out}",
    'set d=com\nset b = ( c ")" unix{{$d}} )\nset a = ( $b )\ntouch {out}',
    "foreach rawfile {out}\nwrite\nend",
    'set hcopydev="x|touch {out}"\nhardcopy x.ps v(1)',
    # Aliases.
    "alias w write\nw {out} v(1)",
    "alias echo write\necho {out} v(1)",
    "alias a b\nalias b write\na {out} v(1)",
    "set a = ( foo shell touch {out} )\nalias $a\nfoo",
]
_DIODE = """vd 2 0 0.5
d1 2 0 m_pin area=200 save=1
.model m_pin
* a comment between
+ {kind}(level=1
+ options defw=1000u
+ outp root="{out}"
+ x.mesh loc=0.0 n=1
+ x.mesh loc=10.0 n=40
+ domain num=1 material=1
+ material num=1 silicon
+ doping unif n.type conc=1e16 x.l=0 x.h=5
+ doping unif p.type conc=1e16 x.l=5 x.h=10
+ models bgn srh)
.op
"""
_MEASURE = ".tran 1u 10u\n.meas tran x max v(1)\n.control\n{body}\n.endc"
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
    ".control\n.endcx\n.lib 'pwn.lib' tt",
    ".control\n.lib 'pwn6.lib' tt\n.endc",
    ".lib 'pwn2.lib' tt",
    # ngspice takes a library's name up to a blank or quote, and knows no comment in it.
    ".lib 'pwn7 q' tt",
    ".lib pwn7'q' tt",
    ".lib sub//pwn.lib tt",
    ".lib 'pwn8.lib' tt",
    ".lib 'pwn9.lib' tt",
    ".LIB\t'pwn3.lib' tt",
    ".lib 'pwn4.lib' tt\n.tran 1u 10u\n.meas tran x max v(1)\n.control\nrun\n.endc",
    _MEASURE.replace("{body}", "set measoutfile={out}\nrun"),
    _MEASURE.replace("{body}", "foreach measoutfile {out}\nrun\nend"),
    ".option measoutfile={out}\n" + _MEASURE.replace("{body}", "run"),
    _DIODE.replace("{kind}", "numd"),
]
# Whole files.
DECKS_OUT = {
    "title in backquotes": (
        "`touch {out}`\nr1 1 0 1\nv1 1 0 1\n.op\n.control\nop\necho $curplottitle\n.endc\n.end\n"
    ),
    "title redirects": (
        ">\nr1 1 0 1\nv1 1 0 1\n.op\n.control\nop\necho hi $curplottitle {out}\n.endc\n.end\n"
    ),
    "title too long": "x" * 4999 + "*#shell touch {out}\nr1 1 0 1\n.op\n.end\n",
    "carriage returns": (
        "t\r\nr1 1 0 1\r\nv1 1 0 1\r\n.op\r\n.control\r\nshell touch {out}\r\n.endc\r\n.end\r\n"
    ),
    "after the end": "t\nr1 1 0 1\nv1 1 0 1\n.op\n.END\n*#shell touch {out}\n",
}
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
    ";pwn.src",
    "echo a$ > {out}",
    "x = 3",
    "setplot new\nset curplottitle='`touch {out}`'",
    "alias $a b",
    "deftype p ../pwned tran",
    "set x = < pwn.src",
    "echo $<",
    "echo '{{a,b}}'",
    "set x=$plots",
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
    "set x = ( a b )\nset x = ( $x c )\necho $x",
    'set title="a long title"\nplot v(1) title $title',
    "foreach w 1 2\nalter r1 = $w\nwrdata r{$w}.txt v(1)\nend",
    "print v(1) >> log.txt",
    "write sub/out.raw v(1)",
    "echo done!",
    'strcmp same "a" "b"\nif $same = 0\necho equal\nend',
    "if v(1) >= 0.5\necho a\nelse\necho b\nend",
    "while v(1) < 3\nalter v1 = 4\nop\nend",
    "alias p print\np v(1)",
    "set measoutfile=meas.txt",
    "let y = {v(1)}",
    "echo a, b, c",
    "let x[1] = v(1)",
    "set curplot = new $ a plot (of its own)\nset plot_out = $curplot $ its name > kept",
    'set curplottitle="ft = f(Ic)"',
    "set wr_vecnames\nset wr_singlescale\nset hcopydevtype=svg",
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
    (run / "pwn2.lib").write_text(".lib tt\n.lib 'pwn.lib' tt\n.endl\n")
    (run / "pwn3.lib").write_text(".LIB tt\n.INCLUDE pwn3.inc\n.ENDL\n")
    (run / "pwn3.inc").write_text(f"*#shell touch {out}\n")
    (run / "pwn4.lib").write_text(f".lib tt\n.option\n* c\n+ measoutfile={out}\n.endl\n")
    model = _DIODE.format(kind="numd", out=out).partition(".model")[2].removesuffix(".op\n")
    (run / "pwn5.lib").write_text(f".lib tt\n.model{model}.endl\n")
    (run / "pwn6.lib").write_text(f".lib tt\nshell touch {out}\n.endl\n")
    (run / "pwn7").write_text(f".lib q\n.control\nshell touch {out}\n.endc\n.endl\n")
    (run / "pwn7 q").write_text(".lib tt\n.endl\n")
    (run / "pwn8.lib").write_text(".lib tt\n.lib 'pwn7 q' tt\n.endl\n")
    (run / "pwn9.lib").write_text(".lib tt\n.include pwn.inc;x\n.endl\n")
    (run / "sub").mkdir(exist_ok=True)
    (run / "sub/pwn.lib").write_text((run / "pwn.lib").read_text())
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


@pytest.mark.parametrize("text", DECKS_OUT.values(), ids=DECKS_OUT.keys())
def test_what_escapes_by_the_file_as_a_whole_is_refused(folder, text):
    path = folder / "run" / "deck.sp"
    path.parent.mkdir()
    path.write_bytes(text.format(out=folder / "pwned").encode())
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


def test_numerical_models_of_a_library_are_refused(folder):
    path = deck(folder, place(folder, ".lib 'pwn5.lib' tt"), control=False)
    with pytest.raises(UntrustedDeckError, match="numerical device model"):
        Netlist.load(path)


@pytest.mark.parametrize("model", ["d_process", "d_cosim", "D_Process"])
def test_models_that_run_programs_are_refused(folder, model):
    path = deck(folder, f'.model p {model}(process_file="evil")', control=False)
    with pytest.raises(UntrustedDeckError, match="runs a program"):
        Netlist.load(path)
