"""Who is asking: the value that every service gets instead of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from field_api.problems import Problem

ROLES = ("officer", "liaison", "auxiliary", "supervisor", "legal", "dispatcher", "admin", "auditor")
FIELD_ROLES = frozenset({"officer", "liaison", "auxiliary"})
SUPERVISING_ROLES = frozenset({"supervisor", "legal"})
# The audience of what every police liaison must hear, wherever he is stationed.
LIAISONS = "role:liaison"
CONSOLE_ROLES = frozenset({"supervisor", "legal", "dispatcher", "admin", "auditor"})


@dataclass(frozen=True, slots=True)
class Identity:
    """An officer, and the terminal he is signed in on (None at the console).

    session: the token family, or the console session's digest.
    revoked: the terminal is revoked; only what receives a revoked terminal's push ever sees this.
    app_version: of the terminal's program, as last told. public_key: the terminal's.
    control: what the terminal is ordered to do.
    """

    officer: str
    username: str
    name: str
    roles: frozenset[str]
    unit: str
    units: frozenset[str]
    grids: frozenset[str]
    terminal: str | None = None
    terminal_no: str | None = None
    session: str = ""
    revoked: bool = False
    app_version: str = ""
    public_key: str = ""
    control: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def require(self, *roles: str) -> None:
        """Raise not_permitted unless one of `roles` is held."""
        if not self.roles.intersection(roles):
            raise Problem("not_permitted")

    def require_console(self) -> None:
        """Raise not_permitted unless one of the roles that the console is for is held."""
        self.require(*CONSOLE_ROLES)

    @property
    def supervises(self) -> bool:
        return bool(self.roles & SUPERVISING_ROLES)

    @property
    def masked(self) -> bool:
        """Auxiliary staff see no party's number or telephone."""
        return self.roles == frozenset({"auxiliary"})

    def scope_keys(self) -> tuple[str, ...]:
        """The audiences whose records this person may hold, sorted."""
        units = {f"unit:{unit}" for unit in self.units}
        called = {LIAISONS} if "liaison" in self.roles else set()
        return tuple(sorted(units | called | {f"grid:{grid}" for grid in self.grids}))
