"""Puts the party of each registered case into the register, as the case is written: found by number, else made.

Who has an identity number or a credit code is one party wherever it stands. Who has neither is one with somebody of the
same name and shop who has neither; anybody else is a party of his own, and a person merges the two. Writes nothing on
records: what the register knows is not synced, but for the set `history`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from field_api.auth.keys import Keys
from field_api.casework.law import plates
from field_api.casework.parties.models import Party, PartyCase, PartyKey
from field_api.casework.sets import content, shelf
from sync.engine.kinds import parse_time
from sync.engine.values import Record
from sync.service.home import Change
from sync.store.ids import new_id
from sync.store.upsert import insert, upsert

HISTORY = "history"
# What is sealed under these names opens under no other.
ID_NO, PHONE = "party.id_no", "party.phone"
STRONG = ("id", "uscc")
_DECISIONS = frozenset({"D07", "D17"})
_DECIDED = frozenset({"decided", "served", "paid", "filed", "closed", "archived"})
_WATCHED = ("party", "plates", "status", "violations", "category", "documents")
_MOST = 2_000
CHINA_TIME = timezone(timedelta(hours=8))
Key = tuple[str, str]


def note(session: Session, changes: Sequence[Change], keys: Keys, now: datetime) -> None:
    """Register the parties of cases that changed. Writes: party, party_key, party_case, the set."""
    cases = {one.after.id: one.after for one in changes if _concerns(one)}
    if not cases:
        return
    known = _known(session, [one.after.id for one in changes if one.after.id in cases and _was_registered(one)])
    own = {case.id: keys_of(case.body, keys) for case in cases.values()}
    found = _found(session, {key for listed in own.values() for key in listed})
    rows: list[dict[str, Any]] = []
    parties, added, fresh = dict[str, dict[str, Any]](), set[bytes](), set[str]()
    for case in cases.values():
        if case.void is None:
            party = _party_of(own[case.id], found, fresh)
            _describe(parties, party, case.body, keys, now)
            entries = _entries(session, case, keys, now)
            added |= entries
            rows.append(_row(case, party, entries, now))
    _write(session, parties, fresh, {(row["party"], *key) for row in rows for key in own[row["case"]]})
    upsert(session, cast(sa.Table, PartyCase.__table__), rows)
    voided = [case.id for case in cases.values() if case.void is not None]
    if voided:
        session.execute(sa.delete(PartyCase).where(PartyCase.case.in_(voided)))
    shelf.change(session, HISTORY, added, _given_up(session, known, added), now)


def keys_of(body: Mapping[str, Any], keys: Keys) -> list[Key]:
    """What the party of a case is found by, strongest first."""
    party = body["party"]
    seal = keys.personal
    found: list[Key] = []
    if party.get("id_no"):
        found.append(("id", seal.index("id", party["id_no"].upper())))
    if party.get("uscc"):
        found.append(("uscc", seal.index("uscc", party["uscc"].upper())))
    if party.get("phone"):
        found.append(("phone", seal.index("phone", phone_digits(party["phone"]))))
    if named := name_of(party.get("name"), party.get("shop_name") or body.get("shop_name")):
        found.append(("name", seal.index("name", named)))
    found += [("plate", seal.index("plate", plates.compact(plate))) for plate in body.get("plates") or ()]
    return found


def decisions(session: Session, wanted: Iterable[Key]) -> dict[Key, list[tuple[str, datetime, list[str]]]]:
    """What was decided about whom these keys lead to, and those merged with them: case, when, about what."""
    found = _found(session, wanted)
    if not found:
        return {}
    whose = sa.func.coalesce(Party.merged_into, Party.id)
    query = (
        sa.select(whose.label("party"), PartyCase.case, PartyCase.decided_at, PartyCase.violations)
        .join(Party, Party.id == PartyCase.party)
        .where(whose.in_(set(found.values())), PartyCase.decided_at.is_not(None))
        .order_by(PartyCase.decided_at.desc())
        .limit(_MOST)
    )
    by_party: dict[str, list[tuple[str, datetime, list[str]]]] = {}
    for row in session.execute(query):
        by_party.setdefault(row.party, []).append((row.case, row.decided_at, row.violations))
    return {key: by_party.get(party, []) for key, party in found.items()}


def name_of(name: str | None, shop: str | None) -> str:
    """A name with the shop's, as they are looked for; both or nothing, since many bear one name."""
    return f"{name.strip()}\n{shop.strip()}" if name and shop else ""


def phone_digits(text: str) -> str:
    """A telephone number without what people write between, and without the country's."""
    digits = "".join(sign for sign in text if sign.isdigit())
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


def violations_of(body: Mapping[str, Any]) -> list[str]:
    """What a case was about: its items of the catalogue, or its category where none is named."""
    return sorted(set(body.get("violations") or ()) or {f"category:{body['category']}"})


def decided_at(body: Mapping[str, Any], now: datetime) -> datetime | None:
    """When it was decided, by its decision's own time; None where there is no decision."""
    if body["status"] not in _DECIDED:
        return None
    at = [parse_time(one.get("at")) for one in body.get("documents") or () if one.get("type") in _DECISIONS]
    times = [time for time in at if time is not None]
    if times:
        return max(times)
    return now if body["status"] in {"decided", "served", "paid"} else None


def _concerns(change: Change) -> bool:
    after, before = change.after, change.before
    if after.type != "case" or after.body["status"] == "draft" or not after.body["party"]:
        return False
    if before is None or before.body["status"] == "draft" or (before.void is None) != (after.void is None):
        return True
    return any(before.body.get(name) != after.body.get(name) for name in _WATCHED)


def _was_registered(change: Change) -> bool:
    return change.before is not None and change.before.body["status"] != "draft"


def _known(session: Session, cases: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """The parties and the entries of cases that are registered already."""
    if not cases:
        return {}
    query = sa.select(PartyCase.case, PartyCase.party, PartyCase.entries).where(PartyCase.case.in_(cases))
    return {row.case: (row.party, row.entries) for row in session.execute(query)}


def _found(session: Session, wanted: Iterable[Key]) -> dict[Key, str]:
    """The parties that these keys lead to, merged ones by who they turned out to be; the first of several."""
    digests = {digest for kind, digest in wanted if kind in (*STRONG, "name")}
    if not digests:
        return {}
    query = (
        sa.select(PartyKey.kind, PartyKey.digest, sa.func.coalesce(Party.merged_into, Party.id).label("party"))
        .join(Party, Party.id == PartyKey.party)
        .where(PartyKey.digest.in_(digests))
        .order_by(Party.id.desc())
    )
    # A name alone finds only who has no number, so that nobody is taken for his namesake.
    numbered = sa.exists().where(PartyKey.party == Party.id, PartyKey.kind.in_(STRONG)).correlate(Party)
    named = query.where(sa.or_(PartyKey.kind.in_(STRONG), ~numbered))
    return {(row.kind, row.digest): row.party for row in session.execute(named)}


def _party_of(own: Sequence[Key], found: dict[Key, str], fresh: set[str]) -> str:
    """The party that these keys lead to, or a new one; who comes next with one of them is the same."""
    asked = [key for key in own if key[0] in STRONG] or [key for key in own if key[0] == "name"]
    party = next((found[key] for key in asked if key in found), None)
    if party is None:
        party = new_id()
        fresh.add(party)
    found.update(dict.fromkeys(asked, party))
    return party


def _describe(
    parties: dict[str, dict[str, Any]], party: str, body: Mapping[str, Any], keys: Keys, now: datetime
) -> None:
    """Have a party say what the newest case says of it."""
    said = body["party"]
    values = {name: said.get(name) for name in ("kind", "name", "id_type", "uscc")}
    values["shop_name"] = said.get("shop_name") or body.get("shop_name")
    values["id_no"] = keys.personal.seal(ID_NO, said["id_no"]) if said.get("id_no") else None
    values["phone"] = keys.personal.seal(PHONE, said["phone"]) if said.get("phone") else None
    before = parties.get(party, {})
    parties[party] = {name: value or before.get(name) for name, value in values.items()}
    parties[party] |= {"id": party, "changed_at": now}


def _row(case: Record, party: str, entries: set[bytes], now: datetime) -> dict[str, Any]:
    return {
        "case": case.id,
        "party": party,
        "violations": violations_of(case.body),
        "decided_at": decided_at(case.body, now),
        "entries": sorted(one.hex() for one in entries),
    }


def _write(
    session: Session, parties: dict[str, dict[str, Any]], fresh: set[str], found_by: set[tuple[str, str, str]]
) -> None:
    """Write all at once. What a party was known to be stays where its newest case says nothing of it."""
    insert(session, cast(sa.Table, Party.__table__), [row for id_, row in parties.items() if id_ in fresh])
    keys = [{"party": party, "kind": kind, "digest": digest} for party, kind, digest in sorted(found_by)]
    insert(session, cast(sa.Table, PartyKey.__table__), [row for row in keys if row["party"] in fresh])
    known = parties.keys() - fresh
    if not known:
        return
    for row in session.scalars(sa.select(Party).where(Party.id.in_(known))):
        for name, value in parties[row.id].items():
            setattr(row, name, value or getattr(row, name))
    session.flush()
    more = [row for row in keys if row["party"] in known]
    if more:
        session.execute(_leaving(session)(PartyKey).on_conflict_do_nothing(), more)


def _given_up(session: Session, known: Mapping[str, tuple[str, list[str]]], added: set[bytes]) -> set[bytes]:
    """What cases brought to the set before and do not now, and no other case of their parties brings."""
    brought = {bytes.fromhex(one) for _, entries in known.values() for one in entries} - added
    if not brought:
        return brought
    others = sa.select(PartyCase.entries).where(
        PartyCase.party.in_({party for party, _ in known.values()}), PartyCase.case.not_in(known)
    )
    return brought - {bytes.fromhex(one) for entries in session.scalars(others) for one in entries}


def _leaving(session: Session) -> Callable[..., Any]:
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert


def _entries(session: Session, case: Record, keys: Keys, now: datetime) -> set[bytes]:
    """What a decided case adds to the set of past violations: only of who can be told by a number."""
    decided, party = decided_at(case.body, now), case.body["party"]
    numbers = [("id", party.get("id_no")), ("uscc", party.get("uscc"))]
    if decided is None or not any(number for _, number in numbers):
        return set()
    codes = violations_of(case.body)
    known = shelf.numbers(session, HISTORY, {code: (code, code) for code in codes}, now)
    key, day = keys.mac(f"set-{HISTORY}", b""), decided.astimezone(CHINA_TIME).date()
    return {
        content.pack(content.digest(key, kind, number.upper()), known[code], day)
        for kind, number in numbers
        if number
        for code in codes
    }
