"""What a terminal has not seen yet, in pages; a cursor can not skip a change."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.orm import Session

from sync.engine.cursor import LANES, Cursor, digest_of, pack, unpack
from sync.engine.values import RecordType
from sync.service.paging import EVERYONE, Building, CursorExpired, Reader
from sync.store import scopesets, sequence, waiting

__all__ = [
    "EVERYONE",
    "LANES",
    "MAX_LIMIT",
    "Asked",
    "CursorExpired",
    "CursorInvalid",
    "Page",
    "Reader",
    "begins_repair",
    "pull",
]

Mac = Callable[[str, bytes], bytes]
MAX_SETTLED = 500
MAX_LIMIT = 2_000
_SEAL = _BINDING = 12


class CursorInvalid(Exception):
    """It was not signed by this server."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a terminal asks for. `buckets`: its 256 sums, when it asks for a repair."""

    cursor: str | None
    limit: int
    lanes: Sequence[str]
    buckets: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page in wire-ready pieces: each change, and the rest of the object without its opening brace.

    sets: what the cursor names and is not on record yet; `keep` it before the page is sent.
    """

    changes: Sequence[bytes]
    rest: bytes
    sets: Mapping[bytes, Set[str]]

    def keep(self, session: Session) -> None:
        """Put on record what the cursor names. Writes: sync_scope_set."""
        scopesets.add(session, self.sets)

    def as_object(self) -> bytes:
        """One JSON object."""
        return b'{"changes":[' + b",".join(self.changes) + b"]," + self.rest

    def as_lines(self) -> bytes:
        """A change a line, and the rest of the object as the last: whoever reads may stop at any line."""
        return b"\n".join([*self.changes, b"{" + self.rest, b""])


def begins_repair(session: Session, reader: Reader, asked: Asked, mac: Mac) -> bool:
    """Say whether what is asked for compares all that the terminal holds, and does not just go on with a repair.

    Raises:
        CursorInvalid, CursorExpired.
    """
    if asked.buckets is None or not asked.cursor:
        return asked.buckets is not None
    return _open(asked.cursor, _binding(reader, sequence.epoch(session)), mac).refill is None


def pull(session: Session, types: Mapping[str, RecordType], reader: Reader, asked: Asked, mac: Mac) -> Page:
    """Build a page, ready to send; when a repair is asked for, what its buckets lack comes first.

    Must run inside one snapshot: the page and its checkpoint describe the same moment.

    Raises:
        CursorInvalid, CursorExpired.
    """
    binding = _binding(reader, sequence.epoch(session))
    cursor = _open(asked.cursor, binding, mac) if asked.cursor else Cursor(digest_of(reader.scopes))
    lanes = [name for name in LANES if name in asked.lanes]
    building = Building(session, types, reader, cursor, lanes, max(1, min(asked.limit, MAX_LIMIT)))
    if asked.cursor:
        building.trust_sets()
    replaced = building.begin_repair(asked.buckets) if asked.buckets is not None else None
    building.fill()
    building.lead()
    settled = waiting.settled(session, reader.terminal, cursor.heard, MAX_SETTLED)
    if settled:
        cursor.heard = settled[-1][0]
    more = building.more or len(settled) == MAX_SETTLED
    if not more:
        cursor.refill = None
    tail = {"cursor": _seal(cursor, binding, mac), "more": more} | _checkpoint(cursor, lanes, more=more)
    if replaced is not None:
        tail["replaced"] = replaced
    words = b",".join(result.encode() for _, result in settled)
    rest = b'"settled":[' + words + b"]," + orjson.dumps(tail | {"control": {}})[1:]
    return Page(building.pieces, rest, building.new_sets())


def _checkpoint(cursor: Cursor, lanes: Sequence[str], *, more: bool) -> dict[str, Any]:
    if more:
        return {}
    asked = [cursor.lanes[name] for name in lanes]
    total = sum(lane.sum for lane in asked) % (1 << 64)
    return {"checkpoint": {"count": sum(lane.count for lane in asked), "sum": f"{total:016x}"}}


def _binding(reader: Reader, epoch: str) -> bytes:
    text = "\n".join((epoch, reader.terminal, reader.officer, str(reader.masked)))
    return hashlib.sha256(text.encode()).digest()[:_BINDING]


def _seal(cursor: Cursor, binding: bytes, mac: Mac) -> str:
    body = binding + pack(cursor)
    return base64.urlsafe_b64encode(mac("cursor", body)[:_SEAL] + body).rstrip(b"=").decode()


def _open(text: str, binding: bytes, mac: Mac) -> Cursor:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, UnicodeEncodeError):
        raise CursorInvalid from None
    seal, body = raw[:_SEAL], raw[_SEAL:]
    if not hmac.compare_digest(seal, mac("cursor", body)[:_SEAL]):
        raise CursorInvalid
    if body[:_BINDING] != binding:
        raise CursorExpired
    return unpack(body[_BINDING:])
