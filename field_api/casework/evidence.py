"""What a photo's record owes to its bytes: whether they are here, and whether the terminal's signature holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import observe
from field_api.auth.signatures import signature_holds
from field_api.auth.tables import Terminal
from field_api.casework import server
from field_api.casework.models import Evidence
from media.tables import Blob
from sync.engine.values import Operation
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store import outbox
from sync.store.operations import canonical
from sync.store.prepared import Prepared, among

DERIVE = "derive"
LONGEST_REMEMBERED = 2_000
_SIZES = Prepared(lambda dialect: sa.select(Blob.sha256, Blob.size).where(among(Blob.sha256, "digests", dialect)))
_KEYS = Prepared(
    lambda dialect: sa.select(Terminal.id, Terminal.public_key).where(among(Terminal.id, "terminals", dialect))
)
_VERIFIED = Prepared(
    lambda dialect: sa.select(Evidence.sha256)
    .where(among(Evidence.case, "cases", dialect), Evidence.bytes == "verified")
    .distinct()
)
_GIVEN = sa.func.unnest(sa.bindparam("digests", type_=sa.ARRAY(sa.Text))).column_valued("digest")
_SORTED = sa.select(sa.func.hashtextextended(_GIVEN, 1).label("key")).order_by(_GIVEN).subquery()
_LOCK = sa.select(sa.func.pg_advisory_xact_lock(_SORTED.c.key))
_SIGNED = ("case", "role", "sha256", "size", "media_type", "captured_at", "position", "terminal", "officer")


def lock_digests(session: Session, digests: Iterable[str]) -> None:
    """Keep record and bytes of a photo from missing each other when both arrive in the same moment.

    Locks: the digests, until the transaction ends; on SQLite the whole database is the writer's already.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    # In sorted order, or two batches wait for each other for ever.
    if wanted := sorted(set(digests)):
        session.execute(_LOCK, {"digests": wanted})


def given(session: Session, creates: Sequence[Operation], now: datetime) -> dict[str, Mapping[str, Any]]:
    """The server's values for new evidence, by operation id.

    A photo whose bytes came before its record has a review copy that names no case: it is made once more.
    Writes: outbox. Locks: the digests.
    """
    digests = {text for one in creates if isinstance(text := one.set.get("sha256"), str)}
    lock_digests(session, digests)
    held = {row.sha256: row.size for row in _SIZES.rows(session, digests=digests)}
    for digest in sorted(held):
        _ask_for_copies(session, digest, f"{DERIVE}:{digest}:named", now)
    terminals = {text for one in creates if isinstance(text := one.set.get("terminal"), str)}
    keys = {row.id: row.public_key for row in _KEYS.rows(session, terminals=terminals)}
    return {
        one.id: {
            "bytes": "verified" if _is_held(one.set, held) else "awaited",
            "authentic": _is_authentic(one.set, keys),
            # The signature covers the place even where none was taken: it can't be filled in later.
            "position": one.set.get("position"),
        }
        for one in creates
    }


def _is_held(values: Mapping[str, Any], held: Mapping[str, int]) -> bool:
    digest = values.get("sha256")
    return isinstance(digest, str) and digest in held and held[digest] == values.get("size")


def _is_authentic(values: Mapping[str, Any], keys: Mapping[str, str]) -> bool:
    """Check the terminal's own signature over the canonical JSON of the other fields."""
    signature, terminal = values.get("signature"), values.get("terminal")
    if not isinstance(signature, str) or not isinstance(terminal, str) or terminal not in keys:
        return False
    try:
        message = canonical({name: values[name] for name in _SIGNED if name in values})
    except ValueError:
        return False
    if len(message) + len(signature) > LONGEST_REMEMBERED:
        return signature_holds(keys[terminal], "evidence", message, signature)
    return _holds(keys[terminal], message, signature)


# What was found ahead is looked up in the turn; as many as all threads' batches can hold at once.
@lru_cache(maxsize=4096)
def _holds(key: str, message: bytes, signature: str) -> bool:
    return signature_holds(key, "evidence", message, signature)


def check_ahead(operations: Iterable[Operation], terminal: str, key: str) -> None:
    """Check the signatures of a terminal's new photos before its turn to write, in which all others wait for it.

    key: the terminal's public one; if that is another by then, they are checked again.
    """
    for one in operations:
        if one.type == "evidence" and one.action == "create":
            _is_authentic(one.set, {terminal: key})


def arrived(session: Session, home: Home, sha256: str, size: int, now: datetime) -> None:
    """The bytes are stored: say so on every record that names them, and have the copies made.

    Writes: evidence, outbox. Locks: the digest.
    """
    lock_digests(session, [sha256])
    waiting = session.scalars(
        sa.select(Evidence.id)
        .where(Evidence.sha256 == sha256, Evidence.size == size, Evidence.bytes != "verified")
        .order_by(Evidence.id)
    ).all()
    _ask_for_copies(session, sha256, f"{DERIVE}:{sha256}", now)
    operations = [server.patch("evidence", one, {"bytes": "verified"}, now) for one in waiting]
    Workspace(session, home, now).apply([own_operation(one) for one in operations])


def numbered(session: Session, cases: Sequence[str], now: datetime) -> None:
    """These cases have got their numbers: photos whose copies say that they had none get them anew.

    Writes: outbox. Locks: the digests.
    """
    digests = sorted(row.sha256 for row in _VERIFIED.rows(session, cases=cases))
    lock_digests(session, digests)
    for digest in digests:
        _ask_for_copies(session, digest, f"{DERIVE}:{digest}:numbered", now)


def _ask_for_copies(session: Session, digest: str, key: str, now: datetime) -> None:
    request_id = observe.request_id()
    outbox.put(session, kind=DERIVE, key=key, subject=digest, version=1, now=now, request_id=request_id)


def mismatched(session: Session, home: Home, evidence: str, now: datetime) -> None:
    """What came is not the photo that was announced: say so, unless the right one is here. Writes: evidence."""
    state = session.scalar(sa.select(Evidence.bytes).where(Evidence.id == evidence))
    if state in ("awaited", "received"):
        operation = server.patch("evidence", evidence, {"bytes": "mismatched"}, now)
        Workspace(session, home, now).apply([own_operation(operation)])
