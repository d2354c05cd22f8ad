"""A summary case as it happened one day in April, brought to the server long after."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from field_api.casework.clock_tables import Deadline
from tests.integration.field import Terminal, new_id
from tests.integration.people import Bureau

DAY = "2026-04-30"


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}:00.000+08:00"


def stepped(own: Terminal, record_type: str, record: str, event: str, moment: str, **values: Any) -> dict[str, Any]:
    """A step of a record's state, taken at a moment of the field."""
    made = own.operation("transition", record_type, record, base=0, event=event, set=values)
    return made | {"at": moment}


def decided(own: Terminal, subject: str = "city_bureau", amount_fen: int = 10_000) -> tuple[str, list[dict[str, Any]]]:
    """A case up to the handing over of its decision, as operations."""
    created = own.create(
        "case", occurred_at=at("09:00"), subject=subject, procedure="summary", amount_fen=amount_fen,
        penalty_kinds=["fine"],
    )  # fmt: skip
    case = created["record"]
    steps = [
        stepped(own, "case", case, event, at(f"09:{10 + n}"))
        for n, event in enumerate(("register", "investigate", "notify"))
    ]
    document = own.append(
        "case", case, "documents", type="D07", served={"mode": "on_site", "at": at("09:30"), "refused": False}
    )
    document["item"]["at"] = at("09:25")
    ended = [stepped(own, "case", case, "decide", at("09:25")), stepped(own, "case", case, "serve", at("09:30"))]
    return case, [created, *steps, document, *ended]


def payment(own: Terminal, case: str, amount_fen: int = 10_000, **parts: Any) -> dict[str, Any]:
    """An amount taken on the spot."""
    made = own.append("case", case, "payments", mode="on_spot", amount_fen=amount_fen, **parts)
    made["item"]["at"] = at("09:40")
    return made


def clocks(bureau: Bureau, record: str) -> dict[str, Any]:
    """The deadlines of a record, by clock."""
    query = sa.select(*Deadline.__table__.columns).where(Deadline.record == record)
    return {row.clock: row for row in bureau.change(lambda session: session.execute(query).all())}


__all__ = ["at", "clocks", "decided", "new_id", "payment", "stepped"]
