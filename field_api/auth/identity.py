"""Who is asking: the value that every service gets instead of a request."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("officer", "liaison", "auxiliary", "supervisor", "legal", "dispatcher", "admin", "auditor")
FIELD_ROLES = frozenset({"officer", "liaison", "auxiliary"})
SUPERVISING_ROLES = frozenset({"supervisor", "legal"})


@dataclass(frozen=True, slots=True)
class Identity:
    """An officer, and the terminal he is signed in on (None at the console)."""

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

    @property
    def supervises(self) -> bool:
        return bool(self.roles & SUPERVISING_ROLES)

    @property
    def masked(self) -> bool:
        """Auxiliary staff see no party's number or telephone."""
        return self.roles == frozenset({"auxiliary"})

    def scope_keys(self) -> tuple[str, ...]:
        """The audiences whose records this person may hold, sorted."""
        return tuple(sorted({f"unit:{unit}" for unit in self.units} | {f"grid:{grid}" for grid in self.grids}))
