"""How far a terminal has read: the cursor's parts, and their bytes.

A cursor holds all that the server must know of a terminal's copy, so that the server keeps nothing for it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field

LANES = ("reference", "records")
# Bytes of each number: per lane position, origin, count and sum; last what was heard of settled.
_WIDTHS = (6, 6, 5, 8) * len(LANES) + (6,)
_DIGEST, _ID, _BITMAP = 8, 16, 32
BUCKETS = 256
_MOVE, _EVICTING, _REFILL, _REFILLED = 1, 2, 4, 8


@dataclass(slots=True)
class Lane:
    """A position in one lane, and the checkpoint that held at `origin`."""

    position: int = 0
    origin: int = 0
    count: int = 0
    sum: int = 0

    def recount(self) -> None:
        """Forget the checkpoint: at the lane's next end it is made anew."""
        self.origin = self.count = self.sum = 0


@dataclass(slots=True)
class Move:
    """A change of scopes under way: what was lost is evicted first, then what was gained is delivered.

    target: the set that it leads to. known: every scope of which the terminal may hold something.
    after: the last record looked at for eviction. behind: gained scopes are delivered up to this sequence.
    """

    target: bytes
    known: bytes
    evicting: bool = True
    after: str = ""
    behind: int = 0


@dataclass(slots=True)
class Refill:
    """A repair under way: the buckets that are filled again, and the last record that was sent for it."""

    buckets: frozenset[int]
    after: str = ""
    done: bool = False


@dataclass(slots=True)
class Cursor:
    """Where a terminal stands.

    held: the set of scopes whose records it holds up to the position; while a move is under way, those of
    them that stay. Sets are named by their digests.
    """

    held: bytes
    lanes: dict[str, Lane] = field(default_factory=lambda: {name: Lane() for name in LANES})
    heard: int = 0
    move: Move | None = None
    refill: Refill | None = None


def digest_of(scopes: Iterable[str]) -> bytes:
    """Name a set of scopes."""
    return hashlib.sha256("\n".join(sorted(scopes)).encode()).digest()[:_DIGEST]


def bucket(record: str) -> int:
    """Which of the 256 repair buckets a record belongs to. Source: protocol, pull."""
    return hashlib.sha256(record.encode()).digest()[0]


def pack(cursor: Cursor) -> bytes:
    """The bytes of a cursor; short when nothing is under way, since an idle answer is mostly its cursor."""
    numbers = [*(number for name in LANES for number in astuple(cursor.lanes[name])), cursor.heard]
    body = b"".join(number.to_bytes(width, "big") for number, width in zip(numbers, _WIDTHS, strict=True))
    return body + cursor.held + _pack_tail(cursor.move, cursor.refill)


def _pack_tail(move: Move | None, refill: Refill | None) -> bytes:
    if move is None and refill is None:
        return b""
    flags, body = 0, b""
    if move is not None:
        flags |= _MOVE | (_EVICTING if move.evicting else 0)
        body += move.target + move.known + _pack_id(move.after) + move.behind.to_bytes(6, "big")
    if refill is not None:
        flags |= _REFILL | (_REFILLED if refill.done else 0)
        bits = sum(1 << one for one in refill.buckets)
        body += bits.to_bytes(_BITMAP, "big") + _pack_id(refill.after)
    return bytes((flags,)) + body


def unpack(raw: bytes) -> Cursor:
    """A cursor from bytes that were ours: their seal has been checked."""
    rest = io.BytesIO(raw)
    *numbers, heard = (int.from_bytes(rest.read(width), "big") for width in _WIDTHS)
    lanes = {name: Lane(*numbers[index * 4 : index * 4 + 4]) for index, name in enumerate(LANES)}
    cursor = Cursor(rest.read(_DIGEST), lanes, heard)
    flags = int.from_bytes(rest.read(1), "big")
    if flags & _MOVE:
        target, known, after = rest.read(_DIGEST), rest.read(_DIGEST), _unpack_id(rest.read(_ID))
        cursor.move = Move(target, known, bool(flags & _EVICTING), after, int.from_bytes(rest.read(6), "big"))
    if flags & _REFILL:
        bits = int.from_bytes(rest.read(_BITMAP), "big")
        buckets = frozenset(number for number in range(BUCKETS) if bits >> number & 1)
        cursor.refill = Refill(buckets, _unpack_id(rest.read(_ID)), bool(flags & _REFILLED))
    return cursor


def _pack_id(record: str) -> bytes:
    return bytes.fromhex(record.replace("-", "")) if record else bytes(_ID)


def _unpack_id(raw: bytes) -> str:
    if not any(raw):
        return ""
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
