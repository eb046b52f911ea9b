"""ngspice's commands and variables, by what they can do to the world outside the run's folder.

The allowed ones are listed rather than only the dangerous: ngspice takes a word that it does not
know for the name of a file, which it then executes, and a newer ngspice may know more words.
"""

from __future__ import annotations

__all__ = [
    "ALLOWED",
    "ASSIGNING",
    "COMPARING",
    "FILE_MODELS",
    "FILE_VARIABLES",
    "NAMING",
    "PROGRAM_MODELS",
    "PROGRAM_VARIABLES",
    "REFUSED",
    "STRUCTURE",
    "WRITING",
]

REFUSED = {
    "shell": "runs a program",
    "system": "runs a program",
    "exec": "runs a program",
    "gnuplot": "starts gnuplot",
    "xgraph": "starts xgraph",
    "edit": "starts an editor",
    "aspice": "starts another simulator",
    "rspice": "starts a simulator on another machine",
    "bug": "sends a mail",
    "mail": "sends a mail",
    "source": "runs a command file that is not checked",
    "circbyline": "builds a deck that is not checked",
    "load": "runs the commands inside a raw file",
    "loadsnap": "reads a deck that is not checked",
    "snload": "reads a deck that is not checked",
    "codemodel": "loads a shared library",
    "osdi": "loads a shared library",
    "use": "loads a shared library",
    "bltplot": "hands the plot to another program",
    "deftype": "renames plots, from which file names are made",
}
# The first argument, or the one of this number counted from 0, names a file or folder to write.
WRITING = {
    "write": 0,
    "wrdata": 0,
    "wrs2p": 0,
    "wrnodev": 0,
    "hardcopy": 0,
    "snsave": 0,
    "savesnap": 0,
    "run": 0,
    "cd": 0,
    "mdump": 0,
    "mrdump": 0,
    "fopen": 1,
}
# Here > compares. Only in lower case, to which ngspice brings them.
COMPARING = frozenset({"if", "while", "dowhile"})
STRUCTURE = COMPARING | {"else", "end", "repeat", "foreach", "break", "continue", "label", "goto"}
# They set a variable from elsewhere, the one that their first argument names.
NAMING = frozenset({"fopen", "fread", "getcwd", "strcmp", "strslice", "strstr"})
ASSIGNING = NAMING | {"set", "setcs", "option", "options", "foreach", "unset"}

_HARMLESS = """
    ac acct alias alter altermod alterparam asciiplot cdump check_ifparm compose cross cutout dc
    define delete destroy devhelp diff display disto dump echo edisplay eprint eprvcd esave exit
    fclose fft fourier help history inventory iplot jobs let linearize listing mc_source meas
    measure newhelp noise oldhelp op optran plot print psd pss pz quit rehash remcirc removecirc
    remzerovec reset reshape resume rusage save sens setcirc setplot setscale setseed settype
    shift show showmod sp spec state status step stop sysinfo tf trace tran transpose tutorial
    unalias undefine unlet unset version where
"""
ALLOWED = frozenset(_HARMLESS.split()) | STRUCTURE | ASSIGNING | WRITING.keys()

PROGRAM_VARIABLES = {
    "unixcom": "lets ngspice run programs",
    "lprps": "names a program that hardcopy runs",
    "lprplot5": "names a program that hardcopy runs",
    "hcopydev": "has hardcopy send plots to a printer, by a command line",
}
# A variable whose value is the name of a file that ngspice writes by itself.
FILE_VARIABLES = ("rawfile", "measoutfile")
PROGRAM_MODELS = ("d_process", "d_cosim")
# Numerical devices (CIDER) write their state to files that the .model card names.
FILE_MODELS = ("numd", "numos", "nbjt")
