"""How a deck's text is made ready."""

from __future__ import annotations

from spiceloop.sim.prepare import MAIN, prepare

CIRCUIT = "title\nr1 a 0 1\n"


def body(text: str, at_quit: tuple[str, ...] = (), at_end: tuple[str, ...] = ()) -> list[str]:
    main = prepare(text, at_quit=at_quit, at_end=at_end).files[MAIN].splitlines()
    return [line.strip() for line in main[main.index(".control") + 1 : main.index(".endc")]]


def test_lines_keep_their_numbers() -> None:
    text = "title\n.control\nop\n.endc\nr1 a 0 1\n.end\nr2 a 0 1\n"
    main = prepare(text, at_quit=(), at_end=()).files[MAIN].splitlines()
    assert main[:5] == ["title", "*", "*", "*", "r1 a 0 1"]
    assert main[5:] == ["*", "r2 a 0 1", "", ".control", "op", ".endc", ".end"]


def test_a_quit_at_the_top_ends_all_blocks() -> None:
    text = CIRCUIT + ".control\nop\nQuit 0\nlet a = 1\n.endc\n.control\nlet b = 1\n.endc\n"
    assert body(text, at_quit=("save it",), at_end=("quit",)) == ["op", "quit"]


def test_a_quit_in_a_block_gets_commands_in_front() -> None:
    text = CIRCUIT + ".control\nif 1\necho a ; exit 2\nend\nop\n.endc\n"
    assert body(text, at_quit=("save it",), at_end=("fin",)) == [
        "if 1", "echo a", "save it", "exit 2", "end", "op", "fin",
    ]  # fmt: skip


def test_words_that_only_look_like_a_quit() -> None:
    text = CIRCUIT + ".control\necho quit\nlet quitter = 1\n.endc\n"
    assert body(text) == ["echo quit", "let quitter = 1"]


def test_dot_cards_run_only_when_nothing_else_does() -> None:
    cards = CIRCUIT + ".ac dec 1 1 10\n.tran 1n 1u\n"
    assert body(cards) == ["run"]
    assert body(cards + ".control\nset x\n.endc\n") == ["set x", "run"]
    assert body(cards + ".control\nif 1\n  ac dec 1 1 10\nend\n.endc\n") == [
        "if 1", "ac dec 1 1 10", "end",
    ]  # fmt: skip
    assert body(CIRCUIT) == []


def test_one_deck_per_kind_when_measures_need_it() -> None:
    text = (
        CIRCUIT + ".ac dec 1\n+ 1 10\n.tran 1n 1u\n.meas ac a max v(a)\n.meas tran b\n+ max v(a)\n"
    )
    files = prepare(text, at_quit=(), at_end=("fin",)).files
    assert files[MAIN].splitlines() == ["*ng_script", "source ac.cir", "source tran.cir", "fin"]
    ac, tran = (files[name].splitlines() for name in ("ac.cir", "tran.cir"))
    assert ac[2:8] == [".ac dec 1", "+ 1 10", "*", ".meas ac a max v(a)", "*", "*"]
    assert tran[2:8] == ["*", "*", ".tran 1n 1u", "*", ".meas tran b", "+ max v(a)"]


def test_saves_what_the_cards_name() -> None:
    text = CIRCUIT + ".save v(a)\n.tran 1n 1u\n.meas tran x find vdb(b,c) when i(v1)=0\n"
    main = prepare(text, at_quit=(), at_end=()).files[MAIN].splitlines()
    assert [line for line in main if line.startswith(".save")] == [
        ".save v(a)", ".save v(b)", ".save v(c)", ".save i(v1)",
    ]  # fmt: skip


def test_names_that_the_deck_gives() -> None:
    text = CIRCUIT + ".csparam Cs = 1\n.control\nlet Isup = -i(v1)\nlet y[2] = 3\nprint z\n.endc\n"
    assert prepare(text, at_quit=(), at_end=()).lets == {"cs", "isup", "y"}
