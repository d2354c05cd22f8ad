"""The bureau's records as typed tables; each synced field stands here once, with its merge class.

Source: protocol, appendix; data dictionary B.1. The JSON of a record in `sync_record` is what terminals get;
these rows mirror it, written in the same transaction, so that the database can defend and search it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from field_api.casework.declare import enum, synced
from sync.engine.kinds import BOOLEAN, DIGEST, IDENTIFIER, POSITION, TIME, group, integer, list_of, text
from sync.store.base import Base, Id, Json, UtcDateTime

GRID = text(15, r"[0-9]{15}")
# GA 36: province, letter, then 5 or 6; trailers end in 挂. Kept wide: an officer writes what he sees.
PLATE = text(12, r"[\u4e00-\u9fa5A-Z0-9]{5,12}")
PARTY = group(
    {
        "kind": text(24),
        "name": text(100),
        "gender": text(8),
        "birth": text(10, r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
        "id_type": enum("id_type"),
        "id_no": text(32),
        "phone": text(20, r"[0-9+ -]{5,20}"),
        "address": text(300),
        "shop_name": text(100),
        "uscc": text(18, r"[0-9A-Z]{18}"),
        "legal_rep": text(100),
        "permit": text(32),
        "guardian": text(100),
    }
)
DISCRETION = group({"step": text(32), "factors": list_of(text(32), 10), "reason": text(500)})
# What the driver showed: present or not; None: not asked.
PAPERS = group(
    {"driving_licence": BOOLEAN, "vehicle_licence": BOOLEAN, "inspection_mark": BOOLEAN, "insurance_mark": BOOLEAN}
)
OFFICERS = list_of(IDENTIFIER, 6)
VIOLATIONS = list_of(text(32), 5)
SHOP = text(100)
# Nobody's role: a verdict is given by `review`, which asks whose case it is, never by a push.
BY_VERDICT = frozenset({"verdict"})


class Incident(Base):
    """What happened once, on which the city's case and the police check both stand."""

    __tablename__ = "incident"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    category: Mapped[str | None] = mapped_column(
        sa.ForeignKey("category.code"), info=synced("supervisor_wins", enum("category"))
    )
    description: Mapped[str | None] = mapped_column(sa.String(500), info=synced("officer_until_lock", text(500)))
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("officer_until_lock", text(300)))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", POSITION))
    grid: Mapped[str | None] = mapped_column(sa.String(15), info=synced("officer_until_lock", GRID))
    occurred_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("write_once", TIME))
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )


class Case(Base):
    """What one unit does about it. Source: protocol, appendix: the case."""

    __tablename__ = "case"
    __table_args__ = (
        sa.UniqueConstraint("case_no"),
        sa.Index(None, "unit", "status"),
        sa.Index(None, "review"),
        sa.Index(None, "incident"),
        sa.CheckConstraint("amount_fen IS NULL OR amount_fen >= 0", name="amount_not_negative"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    category: Mapped[str] = mapped_column(
        sa.ForeignKey("category.code"), info=synced("supervisor_wins", enum("category"), required=True)
    )
    description: Mapped[str | None] = mapped_column(sa.String(500), info=synced("officer_until_lock", text(500)))
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("officer_until_lock", text(300)))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", POSITION))
    plates: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", list_of(PLATE, 10)))
    shop_name: Mapped[str | None] = mapped_column(sa.String(100), info=synced("officer_until_lock", SHOP))
    grid: Mapped[str | None] = mapped_column(sa.String(15), info=synced("officer_until_lock", GRID))
    party: Mapped[Any | None] = mapped_column(Json, info=synced("manual", PARTY))
    amount_fen: Mapped[int | None] = mapped_column(
        sa.BigInteger, info=synced("manual", integer(0, 10_000_000_00))
    )
    legal_basis: Mapped[Any | None] = mapped_column(Json, info=synced("manual", list_of(text(200), 20)))
    procedure: Mapped[str | None] = mapped_column(
        sa.String(16), info=synced("officer_until_lock", enum("procedure"))
    )
    subject: Mapped[str | None] = mapped_column(sa.String(16), info=synced("officer_until_lock", enum("subject")))
    violations: Mapped[Any | None] = mapped_column(Json, info=synced("manual", VIOLATIONS))
    penalty_kinds: Mapped[Any | None] = mapped_column(
        Json, info=synced("manual", list_of(enum("penalty_kind"), 12))
    )
    discretion: Mapped[Any | None] = mapped_column(Json, info=synced("manual", DISCRETION))
    no_penalty_reason: Mapped[str | None] = mapped_column(
        sa.String(16), info=synced("manual", enum("no_penalty_reason"))
    )
    officers: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", OFFICERS))
    disputed: Mapped[bool | None] = mapped_column(info=synced("officer_until_lock", BOOLEAN))
    rule_set: Mapped[str | None] = mapped_column(sa.String(64), info=synced("officer_until_lock", text(64)))
    occurred_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("write_once", TIME))
    source: Mapped[str | None] = mapped_column(sa.String(16), info=synced("write_once", enum("source")))
    incident: Mapped[str | None] = mapped_column(
        Id, sa.ForeignKey("incident.id"), info=synced("write_once", IDENTIFIER)
    )
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    status: Mapped[str] = mapped_column(sa.String(16), info=synced("state", enum("status")))
    review: Mapped[str] = mapped_column(
        sa.String(16), info=synced("supervisor_wins", enum("review"), writable_by=BY_VERDICT)
    )
    review_reason: Mapped[str | None] = mapped_column(
        sa.String(500), info=synced("supervisor_wins", text(500), writable_by=BY_VERDICT)
    )
    priority_hint: Mapped[int | None] = mapped_column(info=synced("latest", integer(0, 9)))
    case_no: Mapped[str | None] = mapped_column(sa.String(32), info=synced("server_owned", text(32)))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )
    task_no: Mapped[str | None] = mapped_column(sa.String(64), info=synced("server_owned", text(64)))
    delivery: Mapped[str] = mapped_column(sa.String(16), info=synced("server_owned", enum("delivery")))
    centre_message: Mapped[str | None] = mapped_column(sa.String(2000), info=synced("server_owned", text(2000)))
    captured_at_corrected: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("server_owned", TIME))


class Evidence(Base):
    """A photo's record; its bytes travel apart and are named by their digest."""

    __tablename__ = "evidence"
    __table_args__ = (
        sa.Index(None, "case"),
        sa.Index(None, "sha256"),
        sa.Index(None, "review", "bytes"),
        sa.CheckConstraint("size > 0", name="size_positive"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    case: Mapped[str] = mapped_column(
        Id, sa.ForeignKey("case.id"), info=synced("write_once", IDENTIFIER, required=True)
    )
    role: Mapped[str] = mapped_column(
        sa.String(16), info=synced("write_once", enum("evidence_role"), required=True)
    )
    sha256: Mapped[str] = mapped_column(sa.String(64), info=synced("write_once", DIGEST, required=True))
    size: Mapped[int] = mapped_column(
        sa.BigInteger, info=synced("write_once", integer(1, 64 * 1024 * 1024), required=True)
    )
    media_type: Mapped[str] = mapped_column(
        sa.String(64), info=synced("write_once", text(64, r"image/(jpeg|png|webp)"), required=True)
    )
    captured_at: Mapped[datetime] = mapped_column(UtcDateTime, info=synced("write_once", TIME, required=True))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("write_once", POSITION))
    terminal: Mapped[str] = mapped_column(Id, info=synced("write_once", IDENTIFIER, required=True))
    officer: Mapped[str] = mapped_column(Id, info=synced("write_once", IDENTIFIER, required=True))
    signature: Mapped[str] = mapped_column(
        sa.String(86), info=synced("write_once", text(86, r"[A-Za-z0-9_-]{86}"), required=True)
    )
    bytes: Mapped[str] = mapped_column(sa.String(16), info=synced("server_owned", enum("bytes")))
    authentic: Mapped[bool | None] = mapped_column(info=synced("server_owned", BOOLEAN))
    review: Mapped[str] = mapped_column(
        sa.String(16), info=synced("supervisor_wins", enum("evidence_review"), writable_by=BY_VERDICT)
    )
    review_reason: Mapped[str | None] = mapped_column(
        sa.String(500), info=synced("supervisor_wins", text(500), writable_by=BY_VERDICT)
    )
    captured_at_corrected: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("server_owned", TIME))


class VehicleCheck(Base):
    """What the police liaison found on a vehicle; tractor and trailer bear plates of their own."""

    __tablename__ = "vehicle_check"
    __table_args__ = (sa.Index(None, "incident"), sa.Index(None, "plate"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    incident: Mapped[str | None] = mapped_column(
        Id, sa.ForeignKey("incident.id"), info=synced("write_once", IDENTIFIER)
    )
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("write_once", TIME))
    plate: Mapped[str | None] = mapped_column(sa.String(12), info=synced("officer_until_lock", PLATE))
    plate_state: Mapped[str | None] = mapped_column(
        sa.String(16), info=synced("officer_until_lock", enum("plate_state"))
    )
    plate_kind: Mapped[str | None] = mapped_column(
        sa.String(2), info=synced("officer_until_lock", enum("plate_kind"))
    )
    plate_colour: Mapped[str | None] = mapped_column(sa.String(16), info=synced("officer_until_lock", text(16)))
    trailer_plate: Mapped[str | None] = mapped_column(sa.String(12), info=synced("officer_until_lock", PLATE))
    vehicle_type: Mapped[str | None] = mapped_column(sa.String(50), info=synced("officer_until_lock", text(50)))
    cargo: Mapped[str | None] = mapped_column(sa.String(100), info=synced("officer_until_lock", text(100)))
    trailer_plate_kind: Mapped[str | None] = mapped_column(
        sa.String(2), info=synced("officer_until_lock", enum("plate_kind"))
    )
    owner: Mapped[str | None] = mapped_column(sa.String(100), info=synced("officer_until_lock", text(100)))
    papers: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", PAPERS))
    permit_ok: Mapped[bool | None] = mapped_column(info=synced("officer_until_lock", BOOLEAN))
    status_codes: Mapped[str | None] = mapped_column(
        sa.String(17), info=synced("officer_until_lock", text(17, r"[A-Q]{1,17}"))
    )
    sealed: Mapped[bool | None] = mapped_column(info=synced("officer_until_lock", BOOLEAN))
    spill_length_m: Mapped[int | None] = mapped_column(info=synced("officer_until_lock", integer(0, 100_000)))
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("officer_until_lock", text(300)))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", POSITION))
    result: Mapped[str | None] = mapped_column(
        sa.String(24), info=synced("officer_until_lock", enum("check_result"))
    )
    papers_returned: Mapped[bool | None] = mapped_column(info=synced("officer_until_lock", BOOLEAN))
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )


class Task(Base):
    """Something that the centre, or a dispatcher, asks of a unit."""

    __tablename__ = "task"
    __table_args__ = (sa.Index(None, "unit", "status"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    kind: Mapped[str | None] = mapped_column(sa.String(16), info=synced("write_once", enum("task_kind")))
    title: Mapped[str] = mapped_column(sa.String(200), info=synced("write_once", text(200), required=True))
    description: Mapped[str | None] = mapped_column(sa.String(500), info=synced("write_once", text(500)))
    category: Mapped[str | None] = mapped_column(
        sa.ForeignKey("category.code"), info=synced("write_once", enum("category"))
    )
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("write_once", text(300)))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("write_once", POSITION))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("write_once", TIME))
    for_unit: Mapped[str] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("write_once", text(32), required=True)
    )
    case: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    for_role: Mapped[str | None] = mapped_column(sa.String(16), info=synced("write_once", text(16)))
    rule: Mapped[str | None] = mapped_column(sa.String(8), info=synced("write_once", text(8)))
    answer: Mapped[str | None] = mapped_column(sa.String(500), info=synced("officer_until_lock", text(500)))
    status: Mapped[str] = mapped_column(sa.String(16), info=synced("state", enum("task_status")))
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )
