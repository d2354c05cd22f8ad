"""What sync asks of the application that uses it; the only way from here to a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from sync.engine.translate import Schemas
from sync.engine.values import Operation, Problem, Record, RecordType


@dataclass(frozen=True, slots=True)
class Change:
    """What a transaction did to one record; `before` is None for a new one."""

    before: Record | None
    after: Record


@dataclass(frozen=True, slots=True)
class Effect:
    """An operation that took effect, and its record as it stood right after it."""

    operation: Operation
    after: Record


@dataclass(frozen=True, slots=True)
class Colleague:
    """The author of operations that another officer's push brings: terminals are handed over with work unsent."""

    officer: str
    roles: frozenset[str]
    unit: str
    supervisor: bool
    masked: bool
    scope: frozenset[str]


class Home(Protocol):
    """The application's side of sync."""

    @property
    def types(self) -> Mapping[str, RecordType]:
        """Every record type by its name on the wire."""

    @property
    def schemas(self) -> Schemas:
        """The schema numbers that are understood, and how earlier ones are read now."""

    def given(
        self, session: Session, creates: Sequence[Operation], now: datetime
    ) -> Mapping[str, Mapping[str, Any]]:
        """The server's own values for new records, by operation id."""

    def refused(self, session: Session, operations: Sequence[Operation]) -> Mapping[str, Problem]:
        """What no row could hold though no look at the operation alone can tell, by operation id."""

    def colleague(self, session: Session, terminal: str, officer: str, at: datetime) -> Colleague | None:
        """An officer other than the one signed in, if he was signed in on this terminal then."""

    def scopes_then(self, session: Session, officer: str, at: datetime, arrived: datetime) -> frozenset[str]:
        """The scopes that an officer held at a time and lost before his word of it arrived, not long before."""

    def save(self, session: Session, records: Sequence[Record]) -> None:
        """Write the typed rows of changed records."""

    def follow(self, session: Session, change: Change, now: datetime) -> Sequence[Operation]:
        """The server's own operations that one operation's change of a record calls for by itself.

        Asked at once, before the next operation is judged and before anything is written, so that it makes no
        difference which operations share a batch. The change must not be looked for in the database.
        """

    def complete(self, session: Session, changes: Sequence[Change], now: datetime) -> Sequence[Operation]:
        """The server's own operations that are better asked for all at once, just before all is written.

        Nothing follows from them; the changes must not be looked for in the database.
        """

    def flags(
        self, session: Session, effects: Sequence[Effect], now: datetime
    ) -> Mapping[str, Sequence[str]]:
        """What the results of operations are marked with, by operation id; those that are not named get nothing.

        Asked once all that came together is written, so that it can be looked for in the database; each record is
        judged as the operation left it, so that what came after it is not held against it, nor in its favour.
        """

    def react(self, session: Session, changes: Sequence[Change], now: datetime) -> Sequence[Operation]:
        """The server's own operations that follow from what was written; they go through the same door."""
