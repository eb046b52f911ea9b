"""Record what ngspice prints for decks that fail or warn; see README.md."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import tempfile
from pathlib import Path

from spiceloop.sim.libngspice import LibNgspice

HERE = Path(__file__).parent
RC = "t\nv1 in 0 dc 1 ac 1\nr1 in out 1k\nc1 out 0 1n\n"
NO_OP = "t\nv1 in 0 1\nb1 out 0 v = v(out)*v(out)+v(in)+1\nr1 out 0 1k\n"


def control(circuit: str, *commands: str) -> str:
    return circuit + "\n".join([".control", *commands, ".endc", ".end", ""])


DECKS = {
    "no_op": control(NO_OP, "op", "let x = 5", "echo after = 3"),
    "no_dc": control(NO_OP.replace("v(out)*v(out)", "100*v(in)*v(out)*v(out)"), "dc v1 -1 1 0.1"),
    "no_tran": control(
        "t\nv1 in 0 pulse(0 1 1n 1p 1p 1n 2n)\nb1 out 0 v = time > 3n ? v(out)*v(out)+2 : v(in)\n"
        "r1 out 0 1k\nc1 out 0 1p\n",
        "tran 1p 10n",
        "meas tran q max v(out)",
    ),
    "singular": control("t\nv1 a 0 1\nv2 a 0 2\nr1 a 0 1k\n", "op", "print v(a)"),
    "stepping_helps": control("t\ni1 0 a 1\nc1 a 0 1p\n", "op", "print v(a)"),
    "unknown_subckt": control(RC + "x1 in 0 nosuch\n", "op"),
    "unknown_parameter": control(RC + "r9 in 0 {nosuch}\n", "op"),
    "unknown_model": control(RC + "m1 in in 0 0 nosuch w=1u l=1u\n", "op"),
    "outside_bins": control(
        RC
        + "m1 in in 0 0 nm w=1000u l=1u\n"
        + ".model nm.1 nmos level=14 version=4.5 lmin=1e-7 lmax=2e-6 wmin=1e-6 wmax=1e-5\n",
        "op",
    ),
    "instance_parameter": control(
        RC + "m1 in in 0 0 nm w=1u l=1u nosuch=3\n.model nm nmos level=1\n", "op"
    ),
    "model_parameter": control(
        RC + "m1 in in 0 0 nm w=1u l=1u\n.model nm nmos level=1 nosuch=3\n", "op", "print v(out)"
    ),
    "missing_include": control(RC + ".include nosuch.inc\n", "op"),
    "missing_library": control(RC + ".lib 'nosuch.lib' tt\n", "op"),
    "missing_section": control(RC + ".lib 'some.lib' ss\n", "op"),
    "too_few_nodes": control(RC + "q1 in\n", "op"),
    "dot_card": control(RC + ".nosuch card\n", "op"),
    "no_ends": control(RC + ".subckt never ends\nr5 a b 1\n", "op"),
    "bad_ac": control(RC, "ac dec 10 0 100"),
    "bad_tran": control(RC, "tran 1n"),
    "bad_noise": control(RC, "noise v(out) v9 dec 1 1 10"),
    "failed_meas": control(RC, "ac dec 10 1 1k", "meas ac f3 when vdb(out)=-30", "let ok = 1"),
    "failed_dot_meas": RC
    + ".ac dec 10 1 1k\n.meas ac f3 when vdb(out)=-30\n.control\nrun\n.endc\n",
    "no_vector": control(RC, "op", "let z = v(nosuch)*2", "print v(alsonot)"),
    "measures": control(
        "t\nv1 in 0 pulse(0 1 1n 1n 1n 100n 200n) ac 1\nr1 in out 1k\nc1 out 0 10p\n",
        "tran 0.1n 200n",
        "meas tran tp trig v(in) val=0.5 rise=1 targ v(out) val=0.5 rise=1",
        "meas tran vmax max v(out)",
        "meas tran mean avg v(out) from=50n to=100n",
        "meas tran pp pp v(out)",
        "meas tran tw when v(out)=0.7 cross=last",
        "meas tran found find v(out) at=20n",
        "meas tran later deriv v(out) at=20n",
        "let twice = 2*vmax",
        "print twice i(v1)[0]",
        "echo spread = $&pp V",
    ),
    "temperature_sweep": control(
        "t\nv1 in 0 1\nr1 in out 1k tc1=1m\nr2 out 0 1k\n",
        "dc temp -40 120 20",
        "meas dc top max v(out)",
        "meas dc warm find v(out) at=60",
    ),
    "vectors": "t\nv1 d 0 1\nl1 d e 1n\nm1 e d 0 0 nm w=1u l=1u\nx1 d 0 cell\n"
    ".subckt cell a b\nr1 a m 1k\nm2 m a b b nm w=1u l=1u\n.ends\n"
    ".model nm nmos level=1 rs=10\n.save all @m1[gm] @m.x1.m2[id]\n.op\n.end\n",
    "noise": control(
        "t\nv1 in 0 dc 1 ac 1\nr1 in out 1k\nr2 out 0 1k\n",
        "noise v(out) v1 dec 2 1 1k",
        "print onoise_total inoise_total",
        "setplot noise1",
        "print onoise_spectrum[0]",
    ),
    "clean": control(RC, "op", "print v(out)", "ac dec 10 1 1k", "meas ac top max vm(out)"),
}


def record_library(folder: str, pipe: object) -> None:
    os.chdir(folder)
    lines: list[str] = []
    lib = LibNgspice(lambda line: lines.append(line.decode()[7:]), lambda status, is_quit: None)
    lines.clear()
    lib.command("source deck.cir")
    pipe.send("\n".join(lines) + "\n")  # type: ignore[attr-defined]


def main() -> None:
    for name, text in DECKS.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "deck.cir").write_text(text)
            (Path(folder) / "some.lib").write_text(".lib tt\nr7 in 0 1\n.endl tt\n")
            receiver, sender = multiprocessing.Pipe()
            process = multiprocessing.Process(target=record_library, args=(folder, sender))
            process.start()
            (HERE / f"{name}.lib.txt").write_text(receiver.recv())
            process.join()
            batch = subprocess.run(
                ["ngspice", "-b", "deck.cir"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            ).stdout
            (HERE / f"{name}.batch.txt").write_text(batch)


if __name__ == "__main__":
    main()
