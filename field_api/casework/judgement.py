"""The server's own look at what was done on the street: by the rules, from the records, when they sync.

Results of steps that law finds fault with are flagged `procedure_defect:<rule>`; once the party has been served, the
fault becomes a `Defect` with a correction task for the legal reviewer. A later look that finds it no more clears both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import release, rulebook, server
from field_api.casework.audits import gather
from field_api.casework.defects import Defect
from field_api.casework.law.around import Around
from field_api.casework.law.audit import File
from field_api.casework.law.judge import Finding, judge
from field_api.casework.law.reading import of_file
from field_api.casework.surroundings import Settings, Surroundings
from sync.engine.values import Flag, Operation, Record
from sync.service.home import Change, Effect
from sync.store.ids import new_id
from sync.store.tables import RecordRow

# A case's event → the stage of the rules that it is judged at.
STAGES: Mapping[str, str] = {
    "notify": "notify",
    "no_penalty": "decide",
    "decide": "decide",
    "serve": "serve",
    "pay": "pay",
    "file": "file",
    "close": "close",
    "archive": "archive",
}
# The general procedure has its own steps: its `file` opens it (立案) and is no filing of a decision (备案).
PROCEEDING_STAGES: Mapping[str, str] = {
    "notify": "notify",
    "no_penalty": "decide",
    "decide": "decide",
    "serve": "serve",
    "enforce": "enforce",
    "perform": "pay",
    "close": "close",
}
# From here on the party holds a paper, and a fault is a defect: by status, every stage that lies behind.
SERVED = ("served", "paid", "filed", "closed", "archived")
SERVED_GENERALLY = ("served", "enforcing", "performed", "closed")
FAULTS = frozenset({"block", "flag"})
# Alerts that are faults all the same: until the papers are back with their owner, the stop is not over.
ALERTED = frozenset({"R25"})
WHERE = "server"
# What a measure shows at once; its papers come one by one and are asked for afterwards.
INHERENT = frozenset({"R24", "R44", "R45", "R50"})
# What its extension may be at fault with.
EXTENDED = frozenset({"R22"})


def flags(session: Session, effects: Sequence[Effect], settings: Settings, now: datetime) -> dict[str, Sequence[str]]:
    """What the results of steps are marked with. Most batches hold none of these steps, and cost nothing here."""
    marked = _unsigned(session, effects)
    judged = [one for one in effects if _stage(one) is not None]
    if not judged:
        return marked
    files = _files_of(session, [one.after for one in judged])
    around = Surroundings(session, files, settings, effects)
    for one in judged:
        file = _as_left(files, one.after)
        findings = _judge(file, around.at_step(file, one, now), [str(_stage(one))])
        if one.after.type == "measure":
            asked = INHERENT if one.operation.action == "create" else EXTENDED
            findings = [found for found in findings if found.rule in asked]
        found = sorted({finding.rule for finding in findings})
        if found:
            marked[one.operation.id] = [f"{Flag.PROCEDURE_DEFECT}:{rule}" for rule in found]
    return marked


def _unsigned(session: Session, effects: Sequence[Effect]) -> dict[str, Sequence[str]]:
    """Mark vehicles' releases that lack a side's signature: what left the yard is not called back."""
    lifted = {
        one.operation.id: one.after.body
        for one in effects
        if one.after.type == "measure" and one.operation.event == "lift"
    }
    found = release.unsigned(session, lifted) if lifted else set()
    return {id_: [f"{Flag.PROCEDURE_DEFECT}:{release.UNSIGNED}"] for id_ in found}


def _stage(effect: Effect) -> str | None:
    operation = effect.operation
    if operation.author.server:
        return None
    if operation.type == "case" and operation.action == "transition":
        return STAGES.get(operation.event or "")
    if operation.type == "measure" and (operation.action == "create" or operation.event == "extend"):
        return "measure"
    if operation.type == "proceeding" and operation.action == "transition":
        return PROCEEDING_STAGES.get(operation.event or "")
    return None


def react(session: Session, changes: Sequence[Change], settings: Settings, now: datetime) -> list[Operation]:
    """Bring the defects of changed records up to date. Writes: defect; returns the tasks that follow."""
    voided = [one.after.id for one in changes if one.after.type == "case" and _was_voided(one)]
    follow = _forget(session, voided, now) if voided else []
    looked_at = [change.after for change in changes if _may_be_at_fault(change)]
    if not looked_at:
        return follow
    files = _files_of(session, looked_at)
    around = Surroundings(session, files, settings)
    for case in sorted(files):
        file = files[case]
        stages = _stages_behind(file)
        findings = _judge(file, around.of_now(file, now), stages) if stages else []
        follow += _bring_up_to_date(session, case, file, findings, now)
    return follow


def _was_voided(change: Change) -> bool:
    return change.after.void is not None and (change.before is None or change.before.void is None)


def _forget(session: Session, cases: Sequence[str], now: datetime) -> list[Operation]:
    """Clear the open defects of cases that are void: nothing was done by them."""
    query = sa.select(Defect).where(Defect.record.in_(cases), Defect.state == "open").order_by(Defect.id)
    return [one for row in session.scalars(query.with_for_update()).all() for one in _clear(session, row, now)]


def _may_be_at_fault(change: Change) -> bool:
    body, kind = change.after.body, change.after.type
    if change.after.void is not None:
        return False
    if kind == "case":
        return body["status"] in SERVED and (change.before is None or _said_more(change))
    return kind in ("measure", "proceeding") and bool(body.get("case"))


def _said_more(change: Change) -> bool:
    """Say whether anything changed that law reads; numbers, reviews and deliveries are not among it."""
    assert change.before is not None
    quiet = ("case_no", "review", "review_reason", "delivery", "task_no", "centre_message", "notes", "priority_hint")
    before, after = change.before.body, change.after.body
    changed = (name for name, value in after.items() if before.get(name) != value)
    return change.before.void is not None or any(name not in quiet for name in changed)


def _stages_behind(file: File) -> list[str]:
    """The stages that a file has gone through and that the party felt."""
    stages = ["measure"] if file.measures else []
    generally = any(one.get("status") in SERVED_GENERALLY for one in file.proceedings)
    if file.case.get("status") in SERVED or generally:
        stages += ["decide", "serve"]
        if file.elements("payments"):
            stages.append("pay")
        if file.case.get("status") in ("closed", "archived"):
            stages.append("close")
    return stages


def _case_of(record: Record) -> str:
    return record.id if record.type == "case" else str(record.body["case"])


def _files_of(session: Session, records: Iterable[Record]) -> dict[str, File]:
    """The files of the cases that these records are, or hang on. A measure without a case is a file of its own."""
    wanted = {_case_of(record) for record in records if record.type == "case" or record.body.get("case")}
    query = sa.select(RecordRow.id, RecordRow.body).where(RecordRow.id.in_(wanted), RecordRow.type == "case")
    return gather(session, {row.id: orjson.loads(row.body) for row in session.execute(query)})


def _as_left(files: Mapping[str, File], record: Record) -> File:
    """The file as one operation left it: what came after it in the same batch says nothing about it."""
    if record.type == "case":
        standing = files[record.id]
        return replace(standing, case=record.body)
    standing = files.get(str(record.body.get("case")), File({}))
    if record.type == "measure":
        return replace(standing, measures=(record.body,))
    return replace(standing, proceedings=(record.body,))


def _judge(file: File, around: Around, stages: Sequence[str]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for stage in stages:
        facts = of_file(file, around, stage=stage)
        for finding in judge(rulebook.shipped(), facts, stage, WHERE):
            if finding.consequence in FAULTS or finding.rule in ALERTED:
                found.setdefault(finding.check, finding)
    return list(found.values())


def _bring_up_to_date(
    session: Session, case: str, file: File, findings: Sequence[Finding], now: datetime
) -> list[Operation]:
    """Open, mend and clear the defects of a case. Locks: they."""
    query = sa.select(Defect).where(Defect.record == case).order_by(Defect.rule).with_for_update()
    standing = {row.rule: row for row in session.scalars(query)}
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    follow: list[Operation] = []
    for rule, found in sorted(by_rule.items()):
        row = standing.pop(rule, None)
        if row is None:
            row = _claim(session, case, file, found, now)
            follow += [_open(row, case, file, found, now)] if row is not None else []
        elif row.state == "cleared" or (row.state == "settled" and _says_more(row, found)):
            follow.append(_open(row, case, file, found, now))
        elif row.state == "open":
            row.checks = _said(found)
    for row in standing.values():
        if row.state == "open":
            follow += _clear(session, row, now)
    session.flush()
    return follow


def _says_more(row: Defect, found: Sequence[Finding]) -> bool:
    """Say whether a rule finds what nobody has settled: what a person decided stands."""
    return bool({one.check for one in found} - {one["check"] for one in row.checks})


def _said(found: Sequence[Finding]) -> list[dict[str, Any]]:
    return [{"check": one.check, "article": one.article, "words": dict(one.words)} for one in found]


def _clear(session: Session, row: Defect, now: datetime) -> list[Operation]:
    row.state, row.settled_at = "cleared", now
    session.flush()
    return [] if row.task is None else [server.patch("task", row.task, {"status": "closed"}, now)]


def _claim(session: Session, case: str, file: File, found: Sequence[Finding], now: datetime) -> Defect | None:
    """A new row of a case and rule; None where another push has just written it, and asks for the correction."""
    rule = found[0].rule
    row = Defect(id=new_id(), record=case, type="case", unit=file.case["unit"], rule=rule, checks=_said(found))
    row.bundle, row.found_at, row.state = rulebook.shipped().version, now, "open"
    try:
        with session.begin_nested():
            session.add(row)
    except sa.exc.IntegrityError:
        there = sa.select(Defect.id).where(Defect.record == case, Defect.rule == rule)
        if session.scalar(there) is None:
            raise
        return None
    return row


def _open(row: Defect, case: str, file: File, found: Sequence[Finding], now: datetime) -> Operation:
    """Have a defect be open, and ask the legal reviewer to correct it."""
    first = found[0]
    row.checks, row.bundle, row.found_at = _said(found), rulebook.shipped().version, now
    row.state, row.task = "open", new_id()
    row.outcome = row.reason = row.settled_by = row.settled_at = None
    values = {
        "kind": "correction",
        "title": f"{first.rule} 程序瑕疵 · procedure defect",
        "description": f"{first.words['zh']} · {first.words['en']}"[:500],
        "for_unit": file.case["unit"],
        "for_role": "legal",
        "rule": first.rule,
        "case": case,
    }
    return server.create("task", row.task, values, now)
