"""Parameters that a BSIM4 4.5 card need not give, because ngspice takes the same number without.

ngspice looks up each parameter of a card by name, one after the other, so a card that leaves out a
third of them loads faster. In the table are parameters of which the source
(``spicelib/devices/bsim4v5`` of ngspice 39: ``b4v5set.c`` and all other uses of their flags) says
that

- a constant stands in for one that is not given, in every mode and for both types,
- whether it is given decides nothing else,
- nothing else sets it,

and whose constant is a whole number, which no way of reading digits can miss by a bit.

Two more groups depend on the rest of the card: zeros of which another parameter's zero is the
default, and the parameters of gate currents, which are read nowhere while ``igbmod`` and ``igcmod``
are off (all their uses in the source, the checks of their values included, stand behind these).

Nothing is left out of cards of other levels and versions.

``tests/oracle/pdk/test_pdk_defaults.py`` asks ngspice for these numbers and runs decks both ways.
ngspice 45.2, asked by hand, has the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

__all__ = ["DEFAULTS", "without_defaults"]

_BY_VALUE = {
    -3.0: "vbm",
    -1.0: "vfbcv",
    0.0: """a1 agidl ags alpha0 alpha1 b0 b1 cdscb cdscd cgdl cgsl cit dmcg dmcgt dmdg dvt0w dvtp0
        dvtp1 dwb dwg fprout igbmod igcmod jtssws k3b kf kt1l kvsat lku0 lkvth0 ll llodku0
        llodvth lpeb lw lwl minv mobmod pdiblcb pdits pditsd pditsl phin pku0 pkvth0 prt prwb pvag
        rdsmod rdswmin rdwmin rswmin steta0 stk2 tcj tcjsw tcjswg tempmod tku0 tpb tpbsw tpbswg
        tvfbsdoff tvoff up vfbsdoff voffcv voffl wku0 wkvth0 wl wlod ww wwl xgl xl xpart xw""",
    1.0: """a0 a2 af diomod ef fnoimod lln lodeta0 lodk2 lwn nigbacc nigc noff ntnoi ntox pbsws
        permod poxedge wln wr wwn xjbvs xrcrg2""",
    2.0: "capmod",
    3.0: "nigbinv xn",
    12.0: "xrcrg1",
    15.0: "moin",
    100.0: "rsw",
    3.3e4: "at",
    8e4: "vsat",
    5.3e6: "dvt1w",
    4.1e7: "em",
    2.3e9: "bgidl",
    8.75e9: "noic",
}
DEFAULTS = {name: value for value, names in _BY_VALUE.items() for name in names.split()}


# A zero that is left out becomes the number of the other one.
_FOLLOWS = {"llc": "ll", "lwc": "lw", "lwlc": "lwl", "wlc": "wl", "wwc": "ww", "wwlc": "wwl"}
_SWITCHES = ("igbmod", "igcmod")
_GATE_CURRENT = """aigbacc bigbacc cigbacc nigbacc aigbinv bigbinv cigbinv eigbinv nigbinv
    aigc bigc cigc aigsd bigsd cigsd nigc pigcd"""
_GATE_CURRENTS = frozenset(w + n for w in ("", "l", "w", "p") for n in _GATE_CURRENT.split())


def without_defaults(parameters: str, others: Iterable[str] = ()) -> str:
    """Leave out what changes nothing; ``others`` are names that the card gives elsewhere.

    ``parameters`` is a card's text behind its type: ``level=54 version=4.5 …``.
    """
    pairs = [(text.partition("=")[0], text.partition("=")[2], text) for text in parameters.split()]
    given = {name: value for name, value, _ in pairs}
    if given.get("level") not in ("54", "54.0") or given.get("version") != "4.5":
        return parameters
    count = Counter([name for name, _, _ in pairs])
    count.update(others)  # of two with the same name the last one counts

    def at_default(name: str) -> bool:
        return not count[name] or (count[name] == 1 and _is_default(name, given.get(name, "")))

    unread = _GATE_CURRENTS if all(map(at_default, _SWITCHES)) else frozenset()

    def idle(name: str, value: str) -> bool:
        if count[name] > 1:
            return False
        follows = _FOLLOWS.get(name)
        return (
            name in unread
            or _is_default(name, value)
            or (follows is not None and _whole(value) == 0.0 and at_default(follows))
        )

    return " ".join(text for name, value, text in pairs if not idle(name, value))


def _is_default(name: str, value: str) -> bool:
    return name in DEFAULTS and _whole(value) == DEFAULTS[name]


def _whole(value: str) -> float | None:
    try:
        return None if "e-" in value else float(value)
    except ValueError:  # such as 1meg
        return None
