"""Operations that the server itself makes; they go through the same door as everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync.engine.values import SERVER_STORE, Author, Operation
from sync.store.ids import new_id

# The nil UUID stands for the server wherever an officer's id is expected.
SERVER_ID = "00000000-0000-0000-0000-000000000000"
SERVER = Author(SERVER_ID, frozenset(), "", SERVER_STORE, server=True)


def create(record_type: str, record: str, values: Mapping[str, Any], now: datetime) -> Operation:
    """A new record of the server's own."""
    return Operation(new_id(), "create", record_type, record, SERVER, moment(now), set=values)


def patch(record_type: str, record: str, values: Mapping[str, Any], now: datetime) -> Operation:
    """An edit by the server; what it owns it may always write."""
    return Operation(new_id(), "patch", record_type, record, SERVER, moment(now), set=values)


def transition(record_type: str, record: str, event: str, now: datetime) -> Operation:
    """A step of a record's state, taken by the server: what time does by itself."""
    return Operation(new_id(), "transition", record_type, record, SERVER, moment(now), event=event)


def note(record: str, step: str, text: str, now: datetime) -> Operation:
    """A step on a case's timeline, told by the server."""
    element = {"id": new_id(), "step": step, "at": moment(now), "note": text[:500]}
    return Operation(new_id(), "append", "case", record, SERVER, moment(now), list="timeline", item=element)


def moment(now: datetime) -> str:
    """A time as it travels."""
    return now.isoformat(timespec="milliseconds")
