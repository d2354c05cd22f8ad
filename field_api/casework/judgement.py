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

from field_api.casework import calendars, release, rulebook, server, violations
from field_api.casework.audits import gather
from field_api.casework.defects import Defect
from field_api.casework.law.audit import File
from field_api.casework.law.calendar import shanghai_day
from field_api.casework.law.catalogue import Item, newest
from field_api.casework.law.judge import Finding, judge
from field_api.casework.law.reading import Around, of_file
from field_api.casework.models import Case
from field_api.casework.procedure_models import Proceeding
from sync.engine.kinds import parse_time
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


# What the bureau says itself of what no law that we could read says.
Law = Mapping[str, Any]


def flags(session: Session, effects: Sequence[Effect], law: Law, now: datetime) -> dict[str, Sequence[str]]:
    """What the results of steps are marked with. Most batches hold none of these steps, and cost nothing here."""
    judged = [one for one in effects if _stage(one) is not None]
    marked: dict[str, Sequence[str]] = _unsigned(session, effects)
    if not judged:
        return marked
    files = _files_of(session, [one.after for one in judged])
    for one in judged:
        file = _as_left(files, one.after)
        findings = _judge(session, file, law, now, [str(_stage(one))])
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


def react(session: Session, changes: Sequence[Change], law: Law, now: datetime) -> list[Operation]:
    """Bring the defects of changed records up to date. Writes: defect; returns the tasks that follow."""
    looked_at = [change.after for change in changes if _may_be_at_fault(change)]
    if not looked_at:
        return []
    files = _files_of(session, looked_at)
    cases = {_case_of(record): record for record in looked_at}
    follow: list[Operation] = []
    for case in sorted(cases):
        if case in files:
            file = files[case]
            stages = _stages_behind(file)
            findings = _judge(session, file, law, now, stages) if stages else []
            follow += _bring_up_to_date(session, case, file, findings, now)
    return follow


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
    return any(before.get(name) != value for name, value in after.items() if name not in quiet)


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


def _judge(session: Session, file: File, law: Law, now: datetime, stages: Sequence[str]) -> list[Finding]:
    around = _around(session, file, law, now)
    found: dict[str, Finding] = {}
    for stage in stages:
        facts = of_file(file, around, stage=stage)
        for finding in judge(rulebook.shipped(), facts, stage, WHERE):
            if finding.consequence in FAULTS or finding.rule in ALERTED:
                found.setdefault(finding.check, finding)
    return list(found.values())


def _around(session: Session, file: File, law: Law, now: datetime) -> Around:
    act = parse_time(file.case.get("occurred_at"))
    return Around(
        now=now,
        calendar=calendars.load(session) if _counts_days(file) else calendars.published(),
        officers=_officers(session, file),
        items=_items(session, file, act or now),
        others=_others(session, file),
        config=law,
    )


def _counts_days(file: File) -> bool:
    """Say whether law counts days on this file; an ordinary step asks nothing for the calendar."""
    return file.decision is not None or bool(file.measures or file.proceedings)


def _officers(session: Session, file: File) -> dict[str, Mapping[str, Any]]:
    named = {*(file.case.get("officers") or ()), *(one.get("officer") for one in file.elements("signatures"))}
    named |= {who for one in file.elements("timeline") for who in one.get("officers") or [one.get("by")]}
    named |= {who for body in (*file.measures, *file.proceedings) for who in body.get("officers") or ()}
    query = sa.select(RecordRow.id, RecordRow.body).where(RecordRow.type == "officer", RecordRow.id.in_(named - {None}))
    return {row.id: orjson.loads(row.body) for row in session.execute(query)}


def _items(session: Session, file: File, act: datetime) -> dict[str, Item]:
    codes = {code for body in (file.case, *file.proceedings) for code in body.get("violations") or ()}
    found = {code: newest(violations.versions(session, code), shanghai_day(act)) for code in codes}
    return {code: item for code, item in found.items() if item is not None}


def _others(session: Session, file: File) -> list[Mapping[str, Any]]:
    """The other cases of the same incident and their general proceedings: law lets one act be fined once."""
    incident = file.case.get("incident")
    if not incident:
        return []
    others = sa.select(Case.id).where(Case.incident == incident, Case.id != file.id)
    general = sa.select(Proceeding.id).where(Proceeding.case.in_(others))
    query = sa.select(RecordRow.body).where(
        sa.or_(RecordRow.id.in_(others), RecordRow.id.in_(general)), RecordRow.void.is_(None)
    )
    return [orjson.loads(body) for body in session.scalars(query)]


def _bring_up_to_date(
    session: Session, case: str, file: File, findings: Sequence[Finding], now: datetime
) -> list[Operation]:
    standing = {row.rule: row for row in session.scalars(sa.select(Defect).where(Defect.record == case))}
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    follow: list[Operation] = []
    for rule, found in sorted(by_rule.items()):
        row = standing.pop(rule, None)
        if row is None or row.state == "cleared":
            follow.append(_open(session, row, case, file, found, now))
    for row in standing.values():
        if row.state == "open":
            row.state, row.settled_at = "cleared", now
            if row.task is not None:
                follow.append(server.patch("task", row.task, {"status": "closed"}, now))
    session.flush()
    return follow


def _open(
    session: Session, row: Defect | None, case: str, file: File, found: Sequence[Finding], now: datetime
) -> Operation:
    first, unit = found[0], file.case["unit"]
    if row is None:
        row = Defect(id=new_id(), record=case, type="case", unit=unit, rule=first.rule)
        session.add(row)
    row.checks = [{"check": one.check, "article": one.article, "words": dict(one.words)} for one in found]
    row.bundle, row.found_at, row.state, row.task = rulebook.shipped().version, now, "open", new_id()
    values = {
        "kind": "correction",
        "title": f"{first.rule} 程序瑕疵 · procedure defect",
        "description": f"{first.words['zh']} · {first.words['en']}"[:500],
        "for_unit": unit,
        "for_role": "legal",
        "rule": first.rule,
        "case": case,
    }
    return server.create("task", row.task, values, now)
