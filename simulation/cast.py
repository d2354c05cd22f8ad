"""Who takes part: officers of two units on their terminals, and the people at the console."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "simulated 演示 2026"
UNITS = {"u1": "演示一中队", "u2": "演示二中队"}
GRIDS = ("511402001001001", "511402001001002")


@dataclass(frozen=True, slots=True)
class Player:
    """An officer. handheld: whether he carries a terminal; the others sit at the console."""

    username: str
    roles: tuple[str, ...]
    unit: str
    units: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    handheld: bool = True


CREW = (
    Player("field1", ("officer",), "u1", grids=GRIDS[:1]),
    Player("field2", ("officer",), "u1"),
    Player("chief1", ("supervisor",), "u1", units=("u2",)),
    Player("police", ("liaison",), "u2", units=("u1",)),
    Player("helper", ("auxiliary",), "u1"),
    Player("field3", ("officer",), "u2", grids=GRIDS),
)
DESK = (
    Player("desk1", ("supervisor",), "u1", units=("u2",), handheld=False),
    Player("desk2", ("legal",), "u2", units=("u1",), handheld=False),
    Player("keeper", ("admin",), "u1", handheld=False),
)
