"""What a terminal has not seen yet, in pages; a cursor can not skip a change."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import orjson
from sqlalchemy.orm import Session

from sync.engine.checkpoint import shift, term
from sync.engine.pages import parents_first
from sync.engine.values import RecordType
from sync.store import changes, operations, sequence, waiting

Mac = Callable[[str, bytes], bytes]
LANES = ("reference", "records")
MAX_SETTLED = 500
MAX_LIMIT = 2_000
# Bytes of each number in a cursor: per lane position, origin, count and sum; last what was heard of settled.
_WIDTHS = (6, 6, 5, 8) * len(LANES) + (6,)
EVERYONE = ("all",)


class CursorInvalid(Exception):
    """It was not signed by this server."""


class CursorExpired(Exception):
    """It was made for another officer, terminal, scope or epoch."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who pulls: the cursor is bound to all of it. `masked`: parts of bodies that he may not see."""

    terminal: str
    officer: str
    scopes: tuple[str, ...]
    masked: bool


@dataclass(slots=True)
class Lane:
    """A position in one lane, and the checkpoint that held at `origin`."""

    position: int = 0
    origin: int = 0
    count: int = 0
    sum: int = 0


def pull(
    session: Session,
    types: Mapping[str, RecordType],
    reader: Reader,
    *,
    cursor: str | None,
    limit: int,
    lanes: Sequence[str],
    mac: Mac,
) -> Page:
    """Build a page, ready to send.

    Must run inside one snapshot: the page and its checkpoint describe the same moment.

    Raises:
        CursorInvalid, CursorExpired.
    """
    epoch = sequence.position(session).epoch
    binding = _binding(reader, epoch)
    state, heard = _open(cursor, binding, mac) if cursor else ({name: Lane() for name in LANES}, 0)
    left = max(1, min(limit, MAX_LIMIT))
    pieces: list[bytes] = []
    more = False
    scopes = {"reference": EVERYONE, "records": reader.scopes}
    asked = [name for name in LANES if name in lanes]
    found = changes.pages(session, {name: (scopes[name], state[name].position) for name in asked}, left + 1)
    for name in asked:
        lane, rows = state[name], found[name]
        cut, rows = len(rows) > left, rows[:left]
        pieces += _page(session, types, rows, reader.masked)
        if rows:
            lane.position = rows[-1][1]
        left -= len(rows)
        if cut:
            more = True
            break
        if lane.position > lane.origin:
            _settle(session, lane, scopes[name])
    settled = waiting.settled(session, reader.terminal, heard, MAX_SETTLED)
    more = more or len(settled) == MAX_SETTLED
    heard = settled[-1][0] if settled else heard
    words = [result.encode() for _, result in settled]
    return _render(pieces, words, state, lanes, more, _seal(state, heard, binding, mac))


def _page(
    session: Session, types: Mapping[str, RecordType], rows: Sequence[tuple[str, int]], masked: bool
) -> list[bytes]:
    """The changes of a page; a child whose parent comes later in the sequence brings it along."""
    found = changes.records(session, [record for record, _ in rows])
    missing = _parents_to_come(found)
    while missing:
        fetched = changes.records(session, missing)
        found |= fetched
        missing = _parents_to_come(found) if fetched else set()
    order = parents_first([record for record, _ in rows], {id_: row.parent for id_, row in found.items()})
    return [_change(found[record], types, masked) for record in order]


def _parents_to_come(found: Mapping[str, Any]) -> set[str]:
    return {row.parent for row in found.values() if row.parent is not None and row.parent not in found}


def _change(row: Any, types: Mapping[str, RecordType], masked: bool) -> bytes:
    head = f'"type":"{row.type}","record":"{row.id}","version":{row.version}'
    if row.void is not None:
        return f'{{"action":"void",{head},"reason":'.encode() + orjson.dumps(row.void) + b"}"
    hidden = types[row.type].masked if masked else ()
    if not hidden:
        return f'{{"action":"put",{head},"body":{row.body}}}'.encode()
    body = orjson.loads(row.body)
    for path in hidden:
        name, _, part = path.partition(".")
        if isinstance(body.get(name), dict):
            body[name].pop(part, None)
    tail = orjson.dumps({"body": body, "masked": hidden})
    return f'{{"action":"put",{head},'.encode() + tail[1:]


def _settle(session: Session, lane: Lane, scopes: Sequence[str]) -> None:
    """Move the checkpoint from `origin` to the end that was just reached: O(what changed between)."""
    rows = changes.changed_between(session, scopes, lane.origin)
    had = [row.id for row in rows if row.since <= lane.origin]
    before = operations.versions_at(session, had, lane.origin) if had else {}
    plus = sum(term(row.type, row.id, row.version) for row in rows)
    minus = sum(term(row.type, row.id, before[row.id]) for row in rows if row.id in before)
    lane.count += len(rows) - len(before)
    lane.sum = shift(lane.sum, plus=plus, minus=minus)
    lane.origin = lane.position


@dataclass(frozen=True, slots=True)
class Page:
    """A page in wire-ready pieces: each change, and the rest of the object without its opening brace."""

    changes: Sequence[bytes]
    rest: bytes

    def as_object(self) -> bytes:
        """One JSON object."""
        return b'{"changes":[' + b",".join(self.changes) + b"]," + self.rest

    def as_lines(self) -> bytes:
        """A change a line, and the rest of the object as the last: whoever reads may stop at any line."""
        return b"\n".join([*self.changes, b"{" + self.rest, b""])


def _render(
    pieces: Sequence[bytes],
    settled: Sequence[bytes],
    state: Mapping[str, Lane],
    lanes: Sequence[str],
    more: bool,
    cursor: str,
) -> Page:
    tail: dict[str, Any] = {"cursor": cursor, "more": more}
    if not more:
        asked = [state[name] for name in LANES if name in lanes]
        total = sum(lane.sum for lane in asked) % (1 << 64)
        tail["checkpoint"] = {"count": sum(lane.count for lane in asked), "sum": f"{total:016x}"}
    tail["control"] = {}
    return Page(pieces, b'"settled":[' + b",".join(settled) + b"]," + orjson.dumps(tail)[1:])


def _binding(reader: Reader, epoch: str) -> bytes:
    text = "\n".join((epoch, reader.terminal, reader.officer, str(reader.masked), *reader.scopes))
    return hashlib.sha256(text.encode()).digest()[:12]


def _seal(state: Mapping[str, Lane], heard: int, binding: bytes, mac: Mac) -> str:
    """A cursor: a position in each lane with its checkpoint, and in what was settled."""
    numbers = [*(number for name in LANES for number in astuple(state[name])), heard]
    packed = (number.to_bytes(width, "big") for number, width in zip(numbers, _WIDTHS, strict=True))
    # Packed, because an idle terminal's answer is mostly its cursor.
    body = binding + b"".join(packed)
    return base64.urlsafe_b64encode(mac("cursor", body)[:12] + body).rstrip(b"=").decode()


def _open(cursor: str, binding: bytes, mac: Mac) -> tuple[dict[str, Lane], int]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (ValueError, UnicodeEncodeError):
        raise CursorInvalid from None
    seal, body = raw[:12], raw[12:]
    if not hmac.compare_digest(seal, mac("cursor", body)[:12]):
        raise CursorInvalid
    if body[:12] != binding:
        raise CursorExpired
    rest = io.BytesIO(body[12:])
    *numbers, heard = (int.from_bytes(rest.read(width), "big") for width in _WIDTHS)
    return {name: Lane(*numbers[index * 4 : index * 4 + 4]) for index, name in enumerate(LANES)}, heard
