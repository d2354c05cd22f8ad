"""Hold look-up sets and look plates up in them with no network.

A set is one file, replaced whole: a head in JSON and sorted entries of sixteen bytes. What the server sent is taken
only under its signature and only if count and sum then fit; else the whole is asked for.
"""

import base64
import hashlib
import hmac
import json
import mmap
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from reference.terminal.clock import Clock
from reference.terminal.errors import ReceiptRefusedError
from reference.terminal.http import BASE, Reply, Verdict
from reference.terminal.keys import sync_folder, write_durably
from reference.terminal.session import Session

WIDTH, DIGEST = 16, 12
MAGIC = b"fieldpost set 1\n"
DAY_ZERO = date(2000, 1, 1)
MAX_HEAD = 1024 * 1024


@dataclass(frozen=True)
class Hit:
    """What a set says of a subject. day: until when, or since when, as the set has it."""

    code: str
    zh: str
    en: str
    day: date | None


@dataclass(frozen=True)
class SetState:
    """How a set stands here. imported_at: when its list was last brought to the server; fetched_at: here."""

    revision: int
    count: int
    imported_at: str | None
    fetched_at: str


class Sets:
    """The look-up sets of one terminal's folder."""

    def __init__(self, folder: Path, session: Session, clock: Clock) -> None:
        self._folder = folder / "sets"
        self._session = session
        self._clock = clock

    def fetch(self, name: str) -> Reply:
        """Bring a set up to date: by what changed, or whole where that does not fit."""
        held = self._open(name)
        since = held.head["revision"] if held is not None else None
        reply = self._ask(name, since)
        if reply.verdict is Verdict.OK and not self._take(name, reply.document, held, since):
            reply = self._ask(name, None)
            if reply.verdict is Verdict.OK and not self._take(name, reply.document, None, None):
                return Reply(Verdict.LATER, reply.status, code="answer_invalid")
        return reply

    def look_up(self, name: str, kind: str, value: str) -> list[Hit]:
        """What a set says of a subject: `plate`, `id` or `uscc` and its number; nothing where it is not held."""
        held = self._open(name)
        return held.find(kind, value) if held is not None else []

    def state(self, name: str) -> SetState | None:
        """How a set stands here; None where it was never fetched."""
        held = self._open(name)
        if held is None:
            return None
        head = held.head
        return SetState(head["revision"], head["count"], head["imported_at"], head["fetched_at"])

    def forget(self) -> None:
        """Keep no set."""
        for path in self._folder.glob("*.set"):
            path.unlink()

    def _ask(self, name: str, since: int | None) -> Reply:
        query = f"?since={since}" if since is not None else ""
        return self._session.send("GET", f"{BASE}/sets/{name}{query}")

    def _take(self, name: str, answer: dict[str, Any], held: "HeldSet | None", since: int | None) -> bool:
        """Put what came in place; False where it is not the server's word, or does not fit what is held."""
        try:
            head = self._head(answer["header"], name)
            added, removed = _bytes(answer["added"]), _bytes(answer["removed"])
            good = _digest(added) == head["added_sha256"] and _digest(removed) == head["removed_sha256"]
            if not good or head["since"] not in (None, since) or len(added) % WIDTH or len(removed) % WIDTH:
                return False
            stood = held.entries() if held is not None and head["since"] is not None else set()
            entries = sorted((stood - _pieces(removed)) | _pieces(added))
            if len(entries) != head["count"] or _sum(entries) != head["sum"]:
                return False
            kept = {key: head[key] for key in ("revision", "count", "key", "codes", "imported_at")}
        except (KeyError, TypeError, ValueError, ReceiptRefusedError):
            return False
        self._write(name, kept | {"fetched_at": self._clock.wall().isoformat()}, b"".join(entries))
        return True

    def _head(self, token: str, name: str) -> dict[str, Any]:
        """The signed head of this very set. Raises: ReceiptRefusedError."""
        if not self._session.keys().knows(token):
            self._session.learn_keys()
        head = self._session.keys().open(token)
        if head.get("purpose") != "set" or head.get("set") != name:
            raise ReceiptRefusedError("the head of something else")
        return head

    def _write(self, name: str, head: dict[str, Any], entries: bytes) -> None:
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700)
            sync_folder(self._folder.parent)
        told = json.dumps(head | {"sha256": _digest(entries)}, ensure_ascii=False).encode()
        write_durably(self._folder / f"{name}.set", MAGIC + len(told).to_bytes(4, "big") + told + entries)

    def _open(self, name: str) -> "HeldSet | None":
        if not name.isalpha():
            return None
        return HeldSet.read(self._folder / f"{name}.set")


class HeldSet:
    """One set's file, mapped into memory: a look-up reads a few pages of it."""

    def __init__(self, head: dict[str, Any], content: mmap.mmap, start: int) -> None:
        self.head = head
        self._content = content
        self._start = start
        self._count = (len(content) - start) // WIDTH
        self._key = _bytes(head["key"])
        self._codes = {one["number"]: one for one in head["codes"]}

    @classmethod
    def read(cls, path: Path) -> "HeldSet | None":
        """Open a set's file; None where it is missing or not what it was written as."""
        try:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return None
        try:
            length = int.from_bytes(content[len(MAGIC) : len(MAGIC) + 4], "big")
            start = len(MAGIC) + 4 + length
            if content[: len(MAGIC)] != MAGIC or length > MAX_HEAD or len(content) < start:
                return None
            head = json.loads(content[len(MAGIC) + 4 : start])
            whole = (len(content) - start) == head["count"] * WIDTH
            return cls(head, content, start) if whole else None
        except (KeyError, TypeError, ValueError):
            return None

    def entries(self) -> set[bytes]:
        """Every entry; none where the file's bytes are not what was written, so that the whole is asked for."""
        content = self._content[self._start :]
        return _pieces(content) if _digest(content) == self.head["sha256"] else set()

    def find(self, kind: str, value: str) -> list[Hit]:
        """What stands of a subject."""
        wanted = hmac.digest(self._key, f"{kind}:{value}".encode(), "sha256")[:DIGEST]
        place = bisect_left(range(self._count), wanted, key=lambda index: self._at(index)[:DIGEST])
        found = []
        while place < self._count and (entry := self._at(place))[:DIGEST] == wanted:
            found.append(self._hit(entry))
            place += 1
        return found

    def _at(self, index: int) -> bytes:
        start = self._start + index * WIDTH
        return self._content[start : start + WIDTH]

    def _hit(self, entry: bytes) -> Hit:
        number, days = int.from_bytes(entry[12:14], "big"), int.from_bytes(entry[14:], "big")
        code = self._codes.get(number, {"code": str(number), "zh": "", "en": ""})
        return Hit(code["code"], code["zh"], code["en"], DAY_ZERO + timedelta(days=days) if days else None)


def _bytes(text: str) -> bytes:
    """Read base64url without padding. Raises: ValueError, TypeError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _pieces(raw: bytes) -> set[bytes]:
    return {raw[start : start + WIDTH] for start in range(0, len(raw), WIDTH)}


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _sum(entries: list[bytes]) -> str:
    total = sum(int.from_bytes(hashlib.sha256(one).digest()[:8], "big") for one in entries)
    return f"{total % 2**64:016x}"
