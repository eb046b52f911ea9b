"""The second line of defence: what a deck does unvetted, free and confined.

Every deck runs twice. Trusted, it leaves its mark outside the run's folder, which shows that the
attack works; untrusted but unvetted, as if the vetting had a hole, it must not.
"""

import contextlib
import ctypes
import os
import resource
import socket
import struct
import threading

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.errors import SimulationError
from spiceloop.sim import make_simulator, sandbox

pytestmark = [
    pytest.mark.ngspice,
    pytest.mark.skipif(not sandbox.kernel_support(), reason="this kernel has no landlock"),
]

ATTACKS = [
    "shell touch {out}",
    "echo hi > {out}",
    "write {out} v(1)",
    "set unixcom\ntouch {out}",
    "echo `touch {out}`",
    "mdump {out}",
    "cd ..\ncd ..\necho hi > {out}",
    "echo hi >> {present}",
    "echo hi > {present}",
    "shell rm {present}",
    "shell mv {present} {out}",
    "shell ln -s {present} {out}",
    "shell mkdir {out}",
]


@pytest.fixture
def folder(tmp_path_factory):
    # ngspice lower-cases most of a deck, so the path must be in lower case.
    path = tmp_path_factory.getbasetemp().parent / f"box{os.getpid()}_{os.urandom(4).hex()}"
    path.mkdir()
    yield path
    for p in sorted(path.rglob("*"), reverse=True):
        p.rmdir() if p.is_dir() and not p.is_symlink() else p.unlink()
    path.rmdir()


def state(folder):
    return {p.name: p.read_bytes() if p.is_file() else b"" for p in folder.iterdir()}


def left_by(simulator, folder, attack, *, trusted):
    """Run the deck; return whether ``folder`` is not what it was, and make it so again."""
    present = folder / "present"
    present.write_text("as it was\n")
    before = state(folder)
    body = attack.format(out=folder / "out", present=present)
    text = f"t\nr1 1 0 1\nv1 1 0 dc 1\n.control\nop\n{body}\nquit\n.endc\n.end\n"
    with contextlib.suppress(SimulationError):
        simulator.run(Deck(text, home=folder, trusted=trusted), timeout=20)
    changed = state(folder) != before
    for path in folder.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    return changed


@pytest.mark.parametrize("kind", ["ngspice-lib", "ngspice-batch"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_leaves_the_run_folder(kind, folder, attack):
    if kind == "ngspice-batch" and ">>" in attack:
        pytest.skip("ngspice -b needs its temporary file in /tmp, where appending stays possible")
    simulator = make_simulator(kind)
    try:
        assert left_by(simulator, folder, attack, trusted=True), "this attack no longer works"
        assert not left_by(simulator, folder, attack, trusted=False)
    finally:
        simulator.close()


@pytest.mark.parametrize("kind", ["ngspice-lib", "ngspice-batch"])
def test_a_confined_deck_works_in_its_own_folder(kind):
    text = (
        "t\nr1 1 0 1\nv1 1 0 dc 2\n.control\nop\nwrite a.raw v(1)\nshell touch b\n"
        "echo made > c\nwrdata d v(1)\nprint v(1)\n.endc\n.end\n"
    )
    simulator = make_simulator(kind)
    try:
        assert simulator.run(Deck(text), measures=["v(1)"]).measures["v(1)"] == 2
    finally:
        simulator.close()


def _in_child(work):
    """Run ``work`` in a forked process; return whether it came back true."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(sandbox.kernel_support() < 4, reason="no network rules in this kernel")
def test_no_connection_is_opened(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taker = threading.Thread(target=lambda: server.accept()[0].close(), daemon=True)
        taker.start()
        port = server.getsockname()[1]

        def connect():
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return True

        def confined():
            assert sandbox.Sandbox().enter(str(tmp_path))
            return connect()

        assert not _in_child(confined)
        assert _in_child(connect)


def test_links_and_devices_cannot_be_made_even_inside(tmp_path):
    def link():
        (tmp_path / "link").symlink_to("/etc/passwd")
        return True

    def confined():
        assert sandbox.Sandbox().enter(str(tmp_path))
        (tmp_path / "file").write_text("x")
        return link()

    assert not _in_child(confined)
    assert (tmp_path / "file").is_file()
    assert _in_child(link)


def test_a_kernel_without_landlock_does_no_harm(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "kernel_support", lambda: 0)
    assert not sandbox.Sandbox().enter(str(tmp_path))


@pytest.mark.parametrize("version", range(1, 9))
def test_older_and_newer_kernels_are_asked_for_what_they_know(monkeypatch, tmp_path, version):
    # A newer interface takes the fields of an older one, so each can be tried where this one is.
    if version > sandbox.kernel_support() and version < 7:
        pytest.skip("the kernel is older than that")

    def outside():
        monkeypatch.setattr(sandbox, "kernel_support", lambda: version)
        assert sandbox.Sandbox().enter(str(tmp_path))
        (tmp_path.parent / "outside").write_text("x")
        return True

    assert not _in_child(outside)
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("kind", ["ngspice-lib", "ngspice-batch"])
def test_a_deck_that_cannot_be_confined_is_not_run(kind, tmp_path):
    deck = "t\nr1 1 0 1\nv1 1 0 dc 1\n.control\nop\nprint v(1)\n.endc\n.end\n"

    def outcome(trusted):
        simulator = make_simulator(kind)
        try:
            return simulator.run(Deck(deck, trusted=trusted), measures=["v(1)"]).measures["v(1)"]
        except SimulationError as error:
            return str(error)
        finally:
            simulator.close()

    def no_room():
        # The kernel takes 16 rulesets for a process, its parents' included, and refuses the next.
        libc = ctypes.CDLL(None)
        libc.prctl(38, 1, 0, 0, 0)
        for _ in range(16):
            sockets = struct.pack("=Q", 1 << 9)
            ruleset = libc.syscall(444, sockets, ctypes.c_size_t(8), ctypes.c_uint(0))
            assert libc.syscall(446, ruleset, ctypes.c_uint(0)) == 0
        refused = outcome(trusted=False)
        return (
            "could not be confined" in refused and "--trust-deck" in refused and outcome(True) == 1
        )

    assert outcome(trusted=False) == 1
    assert _in_child(no_room)


def test_limits_are_inherited(tmp_path):
    def limited():
        sandbox.limit()
        return _in_child(lambda: resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))

    assert _in_child(limited)
