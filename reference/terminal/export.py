"""Get work off a terminal whose radio is dead: written to a file that it signs, carried by hand to a supervisor.

What is exported stays in the queue. It leaves only against a receipt: of the import, when somebody brings back
the answer, or of the next push, which answers it as duplicates.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.terminal.clock import Clock
from reference.terminal.errors import ReceiptRefusedError
from reference.terminal.keys import JWS_LIMIT, TerminalKey, write_durably
from reference.terminal.outcomes import Outcomes
from reference.terminal.push import Push
from reference.terminal.session import Session
from reference.terminal.store import Store

TYPE = "fieldpost-export"


@dataclass(frozen=True)
class ExportReport:
    """What was written. operations: how many, in all files together."""

    files: tuple[Path, ...]
    operations: int


class Export:
    """The way out by hand."""

    def __init__(
        self, store: Store, session: Session, key: TerminalKey, clock: Clock, push: Push, outcomes: Outcomes
    ) -> None:
        self._store = store
        self._session = session
        self._key = key
        self._clock = clock
        self._push = push
        self._outcomes = outcomes

    def write(self, path: Path) -> ExportReport:
        """Write what is unsent to `path`, and to `<name>-2`, `<name>-3` … where one file cannot hold it."""
        files: list[Path] = []
        operations = 0
        for rows in self._parts():
            target = path if not files else path.with_stem(f"{path.stem}-{len(files) + 1}")
            write_durably(target, self._sealed(rows).encode())
            files.append(target)
            operations += len(rows)
        return ExportReport(tuple(files), operations)

    def take_answer(self, document: Any) -> dict[str, str]:
        """Take in the answer to an import that somebody brought back; give the outcomes by operation.

        Raises: ValueError, when it is no answer; ReceiptRefusedError, when its receipt does not hold for this
        terminal. Either way nothing is changed.
        """
        if not isinstance(document, dict) or not isinstance(document.get("results"), list):
            raise ValueError("no answer to an export")
        receipt = document.get("receipt")
        if not isinstance(receipt, str):
            raise ReceiptRefusedError("an answer without a receipt")
        keys = self._session.keys()
        signed = keys.open(receipt)
        ids = [result.get("id") for result in document["results"] if isinstance(result, dict)]
        batch = {
            "id": signed.get("batch"),
            "store": signed.get("store"),
            "operations": json.dumps([{"id": id_} for id_ in ids]),
        }
        with self._store.transaction():
            return self._outcomes.take(batch, document, keys, self._session.terminal_id)

    def _parts(self) -> Iterator[list[Any]]:
        """Share the queue out: operations of one store and one schema, as many as a server takes in one file."""
        limits = self._push.limits()
        # base64url makes four of three, and an import's body is bounded as a push's is.
        room = limits["bytes"] * 3 // 4 - 4096
        part: list[Any] = []
        size = 0
        for row in self._store.all("SELECT id, store, schema, payload FROM sendable ORDER BY seq"):
            other = bool(part) and (row["store"], row["schema"]) != (part[0]["store"], part[0]["schema"])
            full = len(part) >= limits["operations"] or size + len(row["payload"]) + 1 > room
            if part and (other or full):
                yield part
                part, size = [], 0
            part.append(row)
            size += len(row["payload"]) + 1
        if part:
            yield part

    def _sealed(self, rows: list[Any]) -> str:
        """Sign a push's body, with who made it when."""
        batch = {
            "id": self._outcomes.new_id(),
            "store": rows[0]["store"],
            "schema": rows[0]["schema"],
            "operations": b"[" + b",".join(row["payload"] for row in rows) + b"]",
        }
        officer = self._store.get("officer")
        maker = {
            "terminal": self._session.terminal_id,
            "officer": officer["id"] if officer is not None else None,
            "time": self._clock.wall().isoformat(timespec="milliseconds"),
        }
        head = json.dumps(maker, separators=(",", ":")).encode()
        payload = head[:-1] + b"," + self._push.body(batch, [])[1:]
        return self._key.sign_jws(payload, self._session.terminal_id, TYPE)


def read_answer(path: Path) -> Any:
    """Read an answer from a file. Raises: ValueError, when it is no JSON or too long to be one."""
    with path.open("rb") as file:
        raw = file.read(JWS_LIMIT + 1)
    if len(raw) > JWS_LIMIT:
        raise ValueError("too long for an answer")
    return json.loads(raw)
