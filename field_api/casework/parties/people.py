"""Look-ups in the register: by number or name, masked; merged by supervisors; unmasked with a reason that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.keys import Keys
from field_api.auth.sealing import Seal
from field_api.casework.law import plates
from field_api.casework.models import Case
from field_api.casework.parties import register
from field_api.casework.parties.models import Party, PartyCase, PartyKey, Unmasking
from field_api.problems import Problem

READERS = ("officer", "liaison", "auxiliary", "supervisor", "legal", "auditor")
UNMASKERS = frozenset({"supervisor", "legal", "auditor"})
LIMIT = 50
_CHAIN = 20


def search(session: Session, keys: Keys, asked: Mapping[str, str], identity: Identity) -> list[dict[str, Any]]:
    """Parties by one of id_no, uscc, phone, plate, or name with shop_name; masked.

    Raises:
        Problem: not_permitted.
    """
    identity.require(*READERS)
    kind, value = _asked(asked)
    query = sa.select(PartyKey.party).where(
        PartyKey.kind == kind, PartyKey.digest == keys.personal.index(kind, value)
    )
    found = {standing(session, party).id for party in session.scalars(query.limit(LIMIT))}
    rows = session.scalars(sa.select(Party).where(Party.id.in_(found)).order_by(Party.id))
    return [masked(row, keys.personal, identity) for row in rows]


def show(
    session: Session, keys: Keys, party: str, identity: Identity, *, now: datetime, look_back_days: int,
    violation: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A party with its decided cases, and whether another violation would be its first.

    first_offence: false where a decision of the look-back stands (about `violation`, if one is named), true where
    none does, None where the party has no number and so may be somebody else's namesake.

    Raises:
        Problem: not_permitted, not_found.
    """
    identity.require(*READERS)
    row = standing(session, party)
    cases = history(session, row.id)
    since = now - timedelta(days=look_back_days)
    counted = [
        one
        for one in cases
        if one["decided_at"] is not None and one["decided_at"] >= since
        and (violation is None or violation in one["violations"])
    ]  # fmt: skip
    is_known = row.uscc is not None or row.id_no is not None
    first = False if counted else (True if is_known else None)
    told = [one | {"decided_at": _moment(one["decided_at"])} for one in cases]
    return masked(row, keys.personal, identity) | {
        "cases": told,
        "first_offence": first,
        "look_back_days": look_back_days,
    }


def history(session: Session, party: str) -> list[dict[str, Any]]:
    """The cases of a party and of those that were merged into it, the newest decision first."""
    family = _family(session, party)
    query = (
        sa.select(PartyCase.case, PartyCase.violations, PartyCase.decided_at, Case.case_no, Case.status, Case.unit)
        .join(Case, Case.id == PartyCase.case)
        .where(PartyCase.party.in_(family))
        .order_by(PartyCase.decided_at.desc(), PartyCase.case.desc())
        .limit(200)
    )
    return [dict(row) for row in session.execute(query).mappings()]


def duplicates(session: Session, keys: Keys, identity: Identity) -> list[dict[str, Any]]:
    """Parties that may be one: the same telephone, plate, or name and shop; the newest first.

    Raises:
        Problem: not_permitted.
    """
    identity.require("supervisor", "legal")
    shared = (
        sa.select(PartyKey.kind, PartyKey.digest)
        .join(Party, Party.id == PartyKey.party)
        .where(Party.merged_into.is_(None))
        .group_by(PartyKey.kind, PartyKey.digest)
        .having(sa.func.count() > 1)
        .order_by(sa.func.max(PartyKey.party).desc())
        .limit(LIMIT)
    )
    found = []
    for kind, digest in session.execute(shared):
        rows = session.scalars(
            sa.select(Party)
            .join(PartyKey, PartyKey.party == Party.id)
            .where(PartyKey.kind == kind, PartyKey.digest == digest, Party.merged_into.is_(None))
            .order_by(Party.id)
            .limit(LIMIT)
        )
        found.append({"by": kind, "parties": [masked(row, keys.personal, identity) for row in rows]})
    return found


def merge(session: Session, party: str, into: str, identity: Identity, now: datetime) -> str:
    """Have a party be another from now on; returns who stands. Locks and writes: both rows.

    Raises:
        Problem: not_permitted, not_found, already_merged.
    """
    identity.require("supervisor", "legal")
    wanted = sa.select(Party).where(Party.id.in_((party, into))).order_by(Party.id).with_for_update()
    locked = {row.id: row for row in session.scalars(wanted)}
    if party not in locked or into not in locked:
        raise Problem("not_found")
    target = standing(session, into)
    if locked[party].merged_into is not None or target.id == party:
        raise Problem("already_merged")
    locked[party].merged_into, locked[party].changed_at = target.id, now
    # Who was merged into it before leads to the new one at once, so that no chain grows.
    session.execute(sa.update(Party).where(Party.merged_into == party).values(merged_into=target.id))
    session.flush()
    return str(target.id)


def unmask(
    session: Session, keys: Keys, party: str, reason: str, identity: Identity, now: datetime
) -> dict[str, Any]:
    """A party's numbers in clear, and the note of who saw them. Writes: unmasking.

    Raises:
        Problem: not_permitted, not_found.
    """
    row = session.get(Party, party)
    if row is None:
        raise Problem("not_found")
    if not identity.roles & UNMASKERS and not _has_own_case(session, party, identity):
        raise Problem("not_permitted")
    session.add(Unmasking(party=party, officer=identity.officer, at=now, reason=reason))
    session.flush()
    return {"id": party, "id_no": _opened(keys.personal, register.ID_NO, row.id_no),
            "phone": _opened(keys.personal, register.PHONE, row.phone)}  # fmt: skip


def standing(session: Session, party: str) -> Party:
    """A party, or who it was merged into. Raises: Problem: not_found."""
    row = session.get(Party, party)
    for _ in range(_CHAIN):
        if row is None or row.merged_into is None:
            break
        row = session.get(Party, row.merged_into)
    if row is None:
        raise Problem("not_found")
    return row


def masked(row: Party, seal: Seal, identity: Identity) -> dict[str, Any]:
    """A party as a person of this role sees it unasked: a number's ends, or for auxiliary staff nothing of it."""
    shown = {name: getattr(row, name) for name in ("id", "kind", "name", "shop_name", "id_type", "uscc")}
    numbers = {"id_no": (register.ID_NO, row.id_no, 4, 2), "phone": (register.PHONE, row.phone, 3, 2)}
    for name, (purpose, sealed, head, tail) in numbers.items():
        clear = None if identity.masked else _opened(seal, purpose, sealed)
        shown[name] = _starred(clear, head, tail) if clear else None
    return shown


def _starred(text: str, head: int, tail: int) -> str:
    hidden = max(0, len(text) - head - tail)
    return text[:head] + "*" * hidden + text[len(text) - tail :] if hidden else "*" * len(text)


def _opened(seal: Seal, purpose: str, sealed: str | None) -> str | None:
    return None if sealed is None else seal.open(purpose, sealed)


def _asked(asked: Mapping[str, str]) -> tuple[str, str]:
    if asked.get("id_no"):
        return "id", asked["id_no"].strip().upper()
    if asked.get("uscc"):
        return "uscc", asked["uscc"].strip().upper()
    if asked.get("phone"):
        return "phone", register.phone_digits(asked["phone"])
    if asked.get("plate"):
        return "plate", plates.compact(asked["plate"])
    named = register.name_of(asked.get("name"), asked.get("shop_name"))
    if not named:
        raise Problem("envelope_invalid", "id_no, uscc, phone, plate, or name and shop_name")
    return "name", named


def _family(session: Session, party: str) -> Sequence[str]:
    return [party, *session.scalars(sa.select(Party.id).where(Party.merged_into == party))]


def _has_own_case(session: Session, party: str, identity: Identity) -> bool:
    """Say whether somebody who decides in the field has a case of this party in his units."""
    if not identity.roles & {"officer", "liaison"}:
        return False
    query = sa.select(PartyCase.case).join(Case, Case.id == PartyCase.case)
    own = query.where(PartyCase.party.in_(_family(session, party)), Case.unit.in_(identity.units))
    return session.scalar(own.limit(1)) is not None


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None
