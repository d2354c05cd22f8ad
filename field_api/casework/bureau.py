"""The bureau as sync sees it: its record types, what it gives to new records, what follows from changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth import assignments
from field_api.auth.keys import Keys
from field_api.auth.sessions import identity_of
from field_api.auth.tables import Unit
from field_api.auth.tokens import signed_in_at
from field_api.casework import (
    calls,
    deadlines,
    doubts,
    evidence,
    field_checks,
    judgement,
    ledger,
    reactions,
    release,
)
from field_api.casework.declare import row_maker
from field_api.casework.law.coordinates import MEISHAN, Box
from field_api.casework.law.deadlines import Terms
from field_api.casework.parties import register
from field_api.casework.schemas import SCHEMAS
from field_api.casework.surroundings import Settings
from field_api.casework.types import MODELS, TYPES
from field_api.casework.vehicles import dossier
from sync.engine.translate import Schemas
from sync.engine.values import Operation, Problem, Record, RecordType
from sync.service.home import Change, Colleague, Effect
from sync.store.upsert import upsert

_MAKERS = {name: row_maker(model, TYPES[name].masked) for name, model in MODELS.items()}
_NO_UNIT = {"pointer": "/set/for_unit", "code": "not_in_list", "message": "没有这个中队 · there is no such unit"}
_AUTHORED = frozenset({"incident", "case", "vehicle_check", "measure", "proceeding", "call", "task"})


@dataclass(frozen=True, slots=True)
class Bureau:
    """Implements `sync.service.home.Home`.

    region: the six digits that open a case number. city: where it lies. terms: of clocks. law: what the bureau says
    itself. look_back_days: how long a decision counts when it is asked whether an offence is the first.
    """

    region: str
    offline_ttl_s: int
    keys: Keys
    city: Box = MEISHAN
    types: Mapping[str, RecordType] = field(default_factory=lambda: TYPES)
    schemas: Schemas = SCHEMAS
    terms: Terms = field(default_factory=Terms)
    law: Mapping[str, Any] = field(default_factory=dict, hash=False)
    look_back_days: int = 730

    @property
    def _settings(self) -> Settings:
        return Settings(self.keys, self.law, self.terms, self.look_back_days)

    def given(
        self, session: Session, creates: Sequence[Operation], now: datetime
    ) -> Mapping[str, Mapping[str, Any]]:
        """Unit and author of new records; whether a photo's bytes are here already and its signature holds."""
        photos = [one for one in creates if one.type == "evidence"]
        values: dict[str, Mapping[str, Any]] = evidence.given(session, photos, now) if photos else {}
        for one in creates:
            if one.type in _AUTHORED and not one.author.server:
                values[one.id] = {"unit": one.author.unit, "author": one.author.officer}
        return values

    def refused(self, session: Session, operations: Sequence[Operation]) -> Mapping[str, Problem]:
        """Fields that cannot be so together, and tasks for units that there are not.

        The latter are found here, since the database refuses a whole batch for one.
        """
        return {**field_checks.refused(session, operations), **_without_unit(session, operations)}

    def colleague(self, session: Session, terminal: str, officer: str, at: datetime) -> Colleague | None:
        """An officer who was signed in on this terminal then, with the rights that he has today."""
        if not signed_in_at(session, terminal, officer, at):
            return None
        identity = identity_of(session, officer)
        return Colleague(
            officer,
            identity.roles,
            identity.unit,
            identity.supervises,
            identity.masked,
            frozenset(identity.scope_keys()),
        )

    def scopes_then(self, session: Session, officer: str, at: datetime, arrived: datetime) -> frozenset[str]:
        """The scopes that an officer held at a time and lost before his word of it arrived."""
        return assignments.held_at(session, officer, at, arrived, self.offline_ttl_s)

    def save(self, session: Session, records: Sequence[Record]) -> None:
        """Mirror records in their typed tables, parents first. Writes: the tables of `MODELS`."""
        for name, make in _MAKERS.items():
            rows = [make(record) for record in records if record.type == name]
            upsert(session, cast(sa.Table, MODELS[name].__table__), rows)

    def follow(self, session: Session, change: Change, now: datetime) -> Sequence[Operation]:
        """What the server writes on a case because of what was just written on it."""
        return reactions.follow(session, change, now)

    def complete(self, session: Session, changes: Sequence[Change], now: datetime) -> Sequence[Operation]:
        """Numbers for the cases that were registered."""
        return reactions.number(session, changes, self.region, now)

    def flags(
        self, session: Session, effects: Sequence[Effect], now: datetime
    ) -> Mapping[str, Sequence[str]]:
        """The faults that law finds with what was done: `procedure_defect:<rule>`."""
        return judgement.flags(session, effects, self._settings, now)

    def react(self, session: Session, changes: Sequence[Change], now: datetime) -> Sequence[Operation]:
        """What the server does of itself when cases and evidence change."""
        doubts.note(session, changes, self.city, now)
        register.note(session, changes, self.keys, now)
        dossier.note(session, changes)
        calls.react(session, changes, now)
        release.react(session, changes, now)
        ledger.react(session, changes, now)
        deadlines.react(session, changes, now, self.terms)
        judged = judgement.react(session, changes, self._settings, now)
        return [*reactions.react(session, changes, now), *judged]


def _without_unit(session: Session, operations: Sequence[Operation]) -> dict[str, Problem]:
    named = {one.id: one.set.get("for_unit") for one in operations if one.type == "task" and one.action == "create"}
    asked = {unit for unit in named.values() if isinstance(unit, str)}
    if not asked:
        return {}
    there = set(session.scalars(sa.select(Unit.id).where(Unit.id.in_(asked))))
    wrong = Problem("invalid_field", (_NO_UNIT,))
    return {id_: wrong for id_, unit in named.items() if isinstance(unit, str) and unit not in there}
