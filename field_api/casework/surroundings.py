"""What stands around cases that are judged: who acted, what the catalogue, registers, blocks and ledger say of them.

Everything is asked for at once for all files of a batch, and counted to the moment of the act, not of the sync.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.keys import Keys
from field_api.casework import calendars, deadlines, document_numbers, violations
from field_api.casework.block_tables import DecisionNumber
from field_api.casework.clock_facts import WHOLE, Beside, facts_of, standing
from field_api.casework.document_numbers import Written
from field_api.casework.law.around import Around, Paid
from field_api.casework.law.audit import File
from field_api.casework.law.calendar import Calendar, shanghai_day, work_days_known
from field_api.casework.law.catalogue import Item, choose, newest
from field_api.casework.law.deadlines import Running, Terms, running
from field_api.casework.law.money import Pause, late_days
from field_api.casework.law.reading import rules_date
from field_api.casework.models import Case
from field_api.casework.parties import register
from field_api.casework.procedure_models import Proceeding
from field_api.casework.series import read
from sync.engine.kinds import parse_time
from sync.service.home import Effect
from sync.store.tables import OperationRow, RecordRow, StoreRow

FILING = frozenset({"file_city", "file_police"})
# A finding of either kind says nothing of the other.
NOT_LEASED = frozenset(document_numbers.FINDINGS) - {"reused"}
Steps = Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the bureau says itself of what the law leaves open, and what opens its registers."""

    keys: Keys
    law: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    look_back_days: int = 730


class Surroundings:
    """What is around some files. effects: what came with them and is not among the operations in the database yet."""

    def __init__(
        self, session: Session, files: Mapping[str, File], settings: Settings, effects: Sequence[Effect] = ()
    ) -> None:
        self._session, self._settings, self._effects = session, settings, effects
        counts = any(one.decision is not None or one.measures or one.proceedings for one in files.values())
        # An ordinary step has no days to count, and asks nothing for the calendar.
        self._calendar = calendars.load(session) if counts else calendars.published()
        self._officers = _officers(session, files.values())
        self._versions = _versions(session, files.values())
        self._others = _others(session, files.values())
        self._prior = _Prior(session, files, settings)
        self._steps = deadlines.steps_of(session, list(files))
        paid = [case for case, file in files.items() if file.elements("payments")]
        self._cash = deadlines.cash_of(session, paid) if paid else {}
        decided = [case for case, file in files.items() if file.decision is not None]
        self._remedies = deadlines.remedies_of(session, decided) if decided else {}
        self._skews = _skews(session, effects)

    def at_step(self, file: File, effect: Effect, now: datetime) -> Around:
        """Around a file as one operation left it, at the moment that the operation bears."""
        place = next(index for index, one in enumerate(self._effects) if one is effect)
        before = self._effects[: place + 1]
        steps = dict(self._steps.get(file.id, {}))
        for one in before:
            moment = parse_time(one.operation.at)
            if one.after.id == file.id and one.operation.action == "transition" and moment is not None:
                steps.setdefault(one.after.body["status"], moment)
        at = min(parse_time(effect.operation.at) or now, now)
        return self._around(file, at, steps, before, self._skews.get(effect.operation.author.store))

    def of_now(self, file: File, now: datetime) -> Around:
        """Around a file as it stands, at the last moment that the file itself tells of."""
        steps = self._steps.get(file.id, {})
        return self._around(file, min(_last_word(file, steps) or now, now), steps, (), None)

    def _around(
        self, file: File, at: datetime, steps: Steps, before: Sequence[Effect], skew: int | None
    ) -> Around:
        act = parse_time(file.case.get("occurred_at")) or at
        beside = Beside(steps, self._remedies.get(file.id, ()), self._cash.get(file.id, {}))
        clocks = _clocks(file, beside, self._calendar, self._settings.terms)
        leased, reused = self._number(file, before)
        return Around(
            now=at,
            calendar=self._calendar,
            officers=self._officers,
            items=self._items(file, act),
            others=self._others.get(str(file.case.get("incident")), {}).get(file.id, ()),
            config=self._settings.law,
            first_offence=self._prior.is_first(file, act),
            leased=leased,
            reused=reused,
            filing_working_days=_filing_days(clocks, at, self._calendar),
            days_late=_days_late(clocks, at, beside),
            cash={payment: Paid(**moments) for payment, moments in beside.cash.items()},
            lighter=self._is_lighter(file, act),
            skew_minutes=skew,
        )

    def _items(self, file: File, act: datetime) -> dict[str, Item]:
        found = {code: newest(self._versions.get(code, ()), shanghai_day(act)) for code in _codes(file)}
        return {code: item for code, item in found.items() if item is not None}

    def _is_lighter(self, file: File, act: datetime) -> bool | None:
        """Say whether a later version of the catalogue applies because it is lighter; None where nobody chose one."""
        chosen = rules_date(file.case)
        if chosen is None or chosen <= shanghai_day(act):
            return None
        kind = (file.case.get("party") or {}).get("kind")
        day = shanghai_day(act)
        choices = [choose(self._versions.get(code, ()), code, day, chosen, kind) for code in _codes(file)]
        return any(one is not None and one.by != "act" for one in choices)

    def _number(self, file: File, before: Sequence[Effect]) -> tuple[bool | None, bool | None]:
        """Whether the decision's number is of its writer's own blocks, and whether another document bears it."""
        decision = file.decision
        if decision is None or not decision.get("number"):
            return None, None
        code = self._finding(file, Written(decision["id"], decision["number"], decision["type"]), before)
        reused = code == "reused" or _is_taken(decision, before)
        return (None if code == "reused" else code not in NOT_LEASED), reused

    def _finding(self, file: File, asked: Written, before: Sequence[Effect]) -> str | None:
        author = next((one.operation.author for one in before if _brings(one, asked.document)), None)
        whose = (author.terminal, author.store) if author is not None else self._writer(file, asked)
        found = document_numbers.number_findings(self._session, [asked], *whose)
        return found[0].code if found else None

    def _writer(self, file: File, asked: Written) -> tuple[str | None, str | None]:
        return _noted(self._session, asked) or _written_by(self._session, file, asked.document)


class _Prior:
    """Decisions about the same parties that came before the acts that are judged."""

    def __init__(self, session: Session, files: Mapping[str, File], settings: Settings) -> None:
        self._look_back = timedelta(days=settings.look_back_days)
        self._keys = {
            case: register.keys_of(file.case, settings.keys) for case, file in files.items() if file.case.get("party")
        }
        self._decided = register.decisions(session, {key for keys in self._keys.values() for key in keys})

    def is_first(self, file: File, act: datetime) -> bool | None:
        """Say whether nothing of the kind was decided about the party; None of who has no number."""
        keys = self._keys.get(file.id)
        if not keys:
            return None
        strong = [key for key in keys if key[0] in register.STRONG]
        about = set(register.violations_of(file.case))
        for key in strong or [key for key in keys if key[0] == "name"]:
            for case, decided, codes in self._decided.get(key, ()):
                if case != file.id and act - self._look_back <= decided < act and about & set(codes):
                    return False
        return True if strong else None


def _codes(file: File) -> set[str]:
    return {code for body in (file.case, *file.proceedings) for code in body.get("violations") or ()}


def _officers(session: Session, files: Iterable[File]) -> dict[str, Mapping[str, Any]]:
    named: set[str | None] = set()
    for file in files:
        named |= {*(file.case.get("officers") or ()), *(one.get("officer") for one in file.elements("signatures"))}
        named |= {who for one in file.elements("timeline") for who in one.get("officers") or [one.get("by")]}
        named |= {who for body in (*file.measures, *file.proceedings) for who in body.get("officers") or ()}
    query = sa.select(RecordRow.id, RecordRow.body).where(RecordRow.type == "officer", RecordRow.id.in_(named - {None}))
    return {row.id: orjson.loads(row.body) for row in session.execute(query)}


def _versions(session: Session, files: Iterable[File]) -> dict[str, Sequence[Item]]:
    codes = {code for file in files for code in _codes(file)}
    return {code: violations.versions(session, code) for code in sorted(codes)}


def _others(session: Session, files: Iterable[File]) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """The incidents' other cases and their proceedings, since one act is fined once. By incident, by the case asked."""
    asked = {file.id: str(file.case["incident"]) for file in files if file.case.get("incident")}
    if not asked:
        return {}
    own = sa.select(Case.id, Case.incident, RecordRow.body).join(RecordRow, RecordRow.id == Case.id)
    general = (
        sa.select(Case.id, Case.incident, RecordRow.body)
        .join(Proceeding, Proceeding.case == Case.id)
        .join(RecordRow, RecordRow.id == Proceeding.id)
    )
    standing_there = (Case.incident.in_(set(asked.values())), RecordRow.void.is_(None))
    rows = [
        (row.id, row.incident, orjson.loads(row.body))
        for query in (own, general)
        for row in session.execute(query.where(*standing_there).order_by(RecordRow.id))
    ]
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for case, incident in asked.items():
        mine = [body for other, its, body in rows if its == incident and other != case]
        found.setdefault(incident, {})[case] = mine
    return found


def _skews(session: Session, effects: Sequence[Effect]) -> dict[str, int]:
    """By how many minutes each store's clock was ahead at its last push, the nearest whole ones to nought."""
    named = {one.operation.author.store for one in effects}
    query = sa.select(StoreRow.id, StoreRow.clock_offset_ms).where(
        StoreRow.id.in_(named), StoreRow.clock_offset_ms.is_not(None)
    )
    return {row.id: int(row.clock_offset_ms / 60_000) for row in session.execute(query)} if named else {}


def _clocks(file: File, beside: Beside, calendar: Calendar, terms: Terms) -> dict[str, Running]:
    """The clocks that run on the case itself."""
    if not file.case.get("documents"):
        return {}
    found = running(facts_of("case", file.case, beside)[WHOLE], calendar, terms)
    return {one.clock.id: one for one in found}


def _filing_days(clocks: Mapping[str, Running], at: datetime, calendar: Calendar) -> int | None:
    filing = next((one for name, one in clocks.items() if name in FILING), None)
    if filing is None:
        return None
    first, last = shanghai_day(filing.started_at), shanghai_day(filing.met_at or at)
    return work_days_known(first, last, calendar) if last >= first else 0


def _days_late(clocks: Mapping[str, Running], at: datetime, beside: Beside) -> int | None:
    pay = clocks.get("pay")
    if pay is None or pay.due is None:
        return None
    pauses = [
        Pause(shanghai_day(first), shanghai_day(last) if last else None) for _, first, last in beside.remedies
    ]
    return late_days(shanghai_day(pay.due.at), shanghai_day(pay.met_at or at), pauses)


def _last_word(file: File, steps: Steps) -> datetime | None:
    lists = ("timeline", "documents", "statements", "signatures", "payments")
    said = [parse_time(one.get("at")) for name in lists for one in file.elements(name)]
    said += [parse_time(body.get(name)) for body in file.measures for name in ("imposed_at", "lifted_at")]
    return max([*steps.values(), *(one for one in said if one is not None)], default=None)


def _brings(effect: Effect, document: str) -> bool:
    operation = effect.operation
    return operation.action == "append" and operation.list == "documents" and operation.item.get("id") == document


def _is_taken(decision: Mapping[str, Any], before: Sequence[Effect]) -> bool:
    """Say whether an earlier document of the same batch bears the number; the database does not know of it yet."""
    place = read(decision["number"])
    if place is None:
        return False
    for one in before:
        for paper in standing(one.after.body, "documents"):
            if paper["id"] != decision["id"] and paper.get("number") and read(paper["number"]) == place:
                return True
    return False


def _noted(session: Session, asked: Written) -> tuple[str | None, str | None] | None:
    place = read(asked.number)
    if place is None:
        return None
    query = sa.select(DecisionNumber.terminal, DecisionNumber.store).where(
        DecisionNumber.prefix == place[0], DecisionNumber.number == place[1], DecisionNumber.document == asked.document
    )
    row = session.execute(query).first()
    return (row.terminal, row.store) if row is not None else None


def _written_by(session: Session, file: File, document: str) -> tuple[str | None, str | None]:
    """The terminal and store whose operation brought a document."""
    records = [file.id, *session.scalars(sa.select(Proceeding.id).where(Proceeding.case == file.id))]
    query = sa.select(OperationRow.terminal, OperationRow.store, OperationRow.payload).where(
        OperationRow.record.in_(records), OperationRow.action == "append"
    )
    for row in session.execute(query):
        item = orjson.loads(row.payload).get("item")
        if isinstance(item, dict) and item.get("id") == document:
            return row.terminal, row.store
    return None, None
