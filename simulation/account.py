"""Everything that a run left behind, read once, for the checks to judge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
import sqlalchemy as sa

from field_api.auth.tables import Officer
from field_api.casework import schema
from media.tables import Blob
from simulation.device import Device
from simulation.dispatch import Centre
from simulation.world import World
from sync.store.outbox import OutboxRow
from sync.store.tables import (
    AudienceRow,
    ConflictRow,
    OperationRow,
    ReceiptRow,
    RecordRow,
    Sequence,
    WaitingRow,
)

FINAL = ("applied", "merged", "proposed", "unchanged", "dismissed")
OPERATION_FIELDS = (
    "id", "store", "number", "officer", "terminal", "record", "type", "action", "payload", "payload_sha256",
    "outcome", "version", "seq", "result", "changed", "context",
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """The server's tables and the devices, at rest."""

    world: World
    centre: Centre
    operations: dict[str, Any]
    records: dict[str, Any]
    audience: dict[str, set[str]]
    conflicts: list[Any]
    receipts: list[Any]
    outbox: list[Any]
    blobs: dict[str, Any]
    waiting: set[str]
    sequence: Any
    officers: dict[str, Any]

    @classmethod
    def of(cls, world: World, centre: Centre) -> Account:
        def read(session: Any) -> Account:
            def rows(table: Any, *order: Any) -> list[Any]:
                return list(session.execute(sa.select(*table.__table__.columns).order_by(*order)).all())

            audience: dict[str, set[str]] = {}
            for row in rows(AudienceRow):
                audience.setdefault(row.record, set()).add(row.scope)
            wanted = [getattr(OperationRow, name) for name in OPERATION_FIELDS]
            own = sa.select(*wanted).order_by(OperationRow.seq, OperationRow.version, OperationRow.id)
            return cls(
                world,
                centre,
                {row.id: row for row in session.execute(own)},
                {row.id: row for row in rows(RecordRow)},
                audience,
                rows(ConflictRow, ConflictRow.created_at, ConflictRow.id),
                rows(ReceiptRow, ReceiptRow.created_at, ReceiptRow.sha256),
                rows(OutboxRow, OutboxRow.created_at, OutboxRow.id),
                {row.sha256: row for row in rows(Blob)},
                {row.operation for row in rows(WaitingRow)},
                rows(Sequence)[0],
                {row.id: row for row in rows(Officer)},
            )

        return world.site.look(read)

    def may_have_lost(self, device: Device) -> bool:
        """Whether a revoked terminal handed in what a restore took back: it is not told of the new epoch."""
        return device.revoked and bool(self.world.counts["server_restored"])

    def require(self, condition: bool, what: str) -> int:
        """Judge one thing; gives 1, for the count of what was judged."""
        self.world.require(condition, what)
        return 1

    @cached_property
    def bodies(self) -> dict[str, dict[str, Any]]:
        return {id_: orjson.loads(row.body) for id_, row in self.records.items()}

    @cached_property
    def history(self) -> dict[str, list[Any]]:
        """The operations that took effect, by record, in the order of their versions."""
        found: dict[str, list[Any]] = {}
        for row in self.operations.values():
            if row.seq is not None:
                found.setdefault(row.record, []).append(row)
        for rows in found.values():
            rows.sort(key=lambda row: row.version)
        return found

    @cached_property
    def declared(self) -> dict[str, Any]:
        """The types as terminals are told them."""
        types: dict[str, Any] = orjson.loads(orjson.dumps(schema.describe()))["types"]
        return types

    def scopes_of(self, username: str) -> set[str]:
        """The audiences of an officer, by his row."""
        [row] = [one for one in self.officers.values() if one.username == username]
        units = {row.unit, *row.units}
        return {f"unit:{unit}" for unit in units} | {f"grid:{grid}" for grid in row.grids} | {"all"}

    def visible(self, username: str) -> dict[str, Any]:
        """The records that an officer may hold, worked out without the server's own query."""
        scopes = self.scopes_of(username)
        return {id_: row for id_, row in self.records.items() if self.audience.get(id_, set()) & scopes}

    def reasons(self) -> list[str]:
        """Why operations are in quarantine."""
        held = [row for row in self.operations.values() if row.outcome == "quarantined"]
        problems = [json.loads(row.result).get("problem", {}) for row in held]
        return [f"{one['code']} {one['errors'][0]['code'] if one.get('errors') else ''}".strip() for one in problems]

    def payload(self, row: Any) -> dict[str, Any]:
        """What the operation said, with what was corrected when a person had it tried again."""
        said: dict[str, Any] = json.loads(row.payload)
        repair = (row.context or {}).get("repair")
        return said | {"set": said.get("set", {}) | repair["set"]} if repair else said

    def roles(self, officer: str) -> set[str]:
        row = self.officers.get(officer)
        return set(row.roles) if row is not None else set()
