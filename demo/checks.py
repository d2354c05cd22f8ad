"""The end of the demo: what must be true now, asked of three witnesses that share no memory.

The server's database, every terminal's own store, and the centre's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from demo import summary
from demo.cast import CARRIERS, Cast, Facts, expect
from demo.stage import Stage
from demo.summary import Summary
from field_api.casework.models import Case, Evidence
from media.blobs import FileBlobs
from sync.engine.checkpoint import shift, term
from sync.store.outbox import OutboxRow
from sync.store.tables import ConflictRow, OperationRow, RecordRow

Check = tuple[str, str, Callable[[], None]]


def checks(scenario: Summary) -> list[Check]:
    """Every check, with its words."""
    stage, facts = scenario.stage, scenario.facts
    return [
        ("服务器：案件、冲突、合并", "Server: cases, the conflict, the silent merge", lambda: _server(stage, facts)),
        ("服务器：照片与摘要", "Server: photos hash to their digests", lambda: _evidence(stage, facts)),
        ("服务器：每个操作只生效一次", "Server: every operation counts once", lambda: _operations(stage, facts)),
        ("服务器：时钟超前被标记", "Server: the fast clock was flagged", lambda: _clock(stage, facts)),
        ("当场处罚：编号、无瑕疵、期限自行为起算、文书、账", "Fine: number, no defect, clocks from the act, PDF, cash",
         lambda: summary.check(scenario)),
        ("终端：本地库与服务器一致", "Terminals: each store equals the server", lambda: _terminals(scenario)),
        ("中心：每案每版只收一次", "Centre: each case once, evidence whole", lambda: _centre(stage, facts)),
    ]


def _server(stage: Stage, facts: Facts) -> None:
    def look(session: Session) -> None:
        for case in (facts.stall, facts.truck):
            row = session.execute(sa.select(*Case.__table__.columns).where(Case.id == case)).one()
            expect(row.status == "closed" and row.review == "passed", f"{case} is closed and passed")
            expect(row.delivery == "delivered" and row.task_no, f"{case} is delivered")
            expect(row.amount_fen is None, "no fine was given")
        shared = session.execute(sa.select(*Case.__table__.columns).where(Case.id == facts.shared)).one()
        expect(shared.description == "演示数据：杂物仍占半幅人行道", "the reviewer's choice stands")
        expect(shared.address == "演示路 21 号旁", "the address merged without a conflict")
        rows = session.execute(
            sa.select(*ConflictRow.__table__.columns).where(ConflictRow.record == facts.shared)
        ).all()
        expect(len(rows) == 1 and rows[0].state == "resolved", "one conflict, and it is settled")
        states = session.execute(
            sa.select(OutboxRow.state, OutboxRow.key).where(OutboxRow.subject.in_((facts.stall, facts.truck)))
        ).all()
        outcome = sorted(state for state, _ in states)
        expect(outcome == ["done", "done", "refused"], f"three deliveries, one of them refused: {outcome}")

    stage.read(look)


def _evidence(stage: Stage, facts: Facts) -> None:
    blobs = FileBlobs(stage.folder / "blobs")

    def look(session: Session) -> None:
        rows = session.execute(sa.select(*Evidence.__table__.columns).where(Evidence.id.in_(facts.photos))).all()
        expect(len(rows) == len(facts.photos) == 5, "five photos")
        for row in rows:
            expect(row.bytes == "verified" and row.authentic and row.review == "passed", f"{row.id} holds")
            with blobs.open(row.sha256) as file:
                expect(hashlib.sha256(file.read()).hexdigest() == row.sha256, f"{row.id} hashes to its name")

    stage.read(look)


def _operations(stage: Stage, facts: Facts) -> None:
    """The versions of a record are the count of the operations that took effect on it."""

    def look(session: Session) -> None:
        for record in (facts.stall, facts.truck, facts.shared, facts.incident, facts.check):
            version = session.scalar(sa.select(RecordRow.version).where(RecordRow.id == record))
            counted = session.scalar(
                sa.select(sa.func.count()).select_from(OperationRow).where(
                    OperationRow.record == record, OperationRow.seq.is_not(None)
                )
            )
            expect(version == counted, f"{record} has version {version} after {counted} operations")

    stage.read(look)


def _clock(stage: Stage, facts: Facts) -> None:
    def look(session: Session) -> None:
        results = session.scalars(
            sa.select(OperationRow.result).where(
                OperationRow.record == facts.shared, OperationRow.action == "patch", OperationRow.batch.is_not(None)
            )
        ).all()
        flagged = [one for one in map(orjson.loads, results) if "clock_suspect" in one.get("flags", [])]
        expect(len(results) == 3 and len(flagged) == 2, "the operations of the fast clock, and no others, are flagged")

    stage.read(look)


def _terminals(scenario: Cast) -> None:
    for username in CARRIERS:
        handheld = scenario.handhelds[username]
        expect(not scenario.unsent(username), f"{username} has nothing unsent")
        photos = handheld.call("photos")
        expect(set(photos) <= {"verified"}, f"{username} holds the server's receipt for every photo: {photos}")
        held: dict[str, list[Any]] = handheld.call("confirmed")

        def look(session: Session, held: dict[str, list[Any]] = held, username: str = username) -> None:
            rows = session.execute(
                sa.select(RecordRow.id, RecordRow.type, RecordRow.version).where(RecordRow.id.in_(held))
            ).all()
            ours = 0
            for row in rows:
                ours = shift(ours, plus=term(row.type, row.id, row.version))
            theirs = 0
            for record, (kind, version) in held.items():
                theirs = shift(theirs, plus=term(kind, record, version))
            expect(len(rows) == len(held) and ours == theirs, f"{username} holds the server's versions")

        scenario.stage.read(look)


def _centre(stage: Stage, facts: Facts) -> None:
    received = stage.centre.received()
    cases = {one["case"]: one for one in received["cases"]}
    digests = {one["sha256"] for one in received["evidence"]}
    numbers = set()
    for case in (facts.stall, facts.truck):
        expect(case in cases, f"the centre has {case}")
        one = cases[case]
        expect(one["task_number"] == facts.task_numbers[case], "the officers see the centre's own number")
        expect(len(one["versions"]) == 1, "the centre took one version of the case")
        expect(set(one["versions"][0]["evidence"]) <= digests, "with all its evidence")
        numbers.add(one["task_number"])
    expect(len(numbers) == 2, "two cases, two numbers")
