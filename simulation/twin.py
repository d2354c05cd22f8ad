"""The oracle beside the server: told of all that reaches it in a simulated day, its predictions compared at once.

What was committed without an answer is read from the receipts; a restored server gets the oracle of its backup.
Facts that only the server can know (a photo's bytes arrived, the centre answered) are taken over from its own
operations; everything else is worked out. See docs/simulation.md for what is not compared.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from field_api.auth import tokens
from field_api.auth.tables import Terminal, TokenFamily
from field_api.casework import schema
from media.tables import Blob
from simulation.cast import CREW, DESK, Player
from simulation.network import Heard
from simulation.oracle import SET_ASIDE, Oracle
from simulation.oracle_values import wall_ms
from simulation.site import Site
from sync.engine.values import SERVER_STORE
from sync.store.tables import OperationRow, ReceiptRow, RecordRow, Sequence

# What came without an id of its own: it is kept, and nothing can become of it.
UNNAMED = "unnamed:"
DEFECT = "procedure_defect:"
REUSED = "operation_id_reused"
# What a carried delivery may write; a photo's bytes are the only thing that an upload does.
DELIVERY = ("delivery", "task_no", "centre_message", "review")
FAULTS = (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError)
SUPERVISING = {"supervisor", "legal"}


class Twin:
    """One day's oracle. It says nothing more once it and the server have parted: only the first difference counts."""

    def __init__(self, site: Site, complain: Callable[[str], None]) -> None:
        self.counts: Counter[str] = Counter()
        self.parted = False
        self._site, self._complain = site, complain
        self._saved: tuple[Oracle, int] | None = None
        self._seen: set[str] = set()
        self._seq = 0
        self._aside: dict[str, str] = {}
        self.oracle = Oracle(orjson.loads(orjson.dumps(schema.describe())))
        self.oracle.session_ms = site.config.offline_ttl_s * 1000.0
        for player in (*CREW, *DESK):
            self.assign(player, player.units, player.grids)
        for said in self._unseen_receipts():
            self._take_from_inbox(said)

    # What is told.

    def assign(self, player: Player, units: tuple[str, ...], grids: tuple[str, ...]) -> None:
        """An officer's units and grids, from now on."""
        scopes = {f"unit:{unit}" for unit in (player.unit, *units)} | {f"grid:{grid}" for grid in grids} | {"all"}
        roles = set(player.roles)
        self.oracle.person(
            self._site.officers[player.username], roles, player.unit, scopes,
            supervisor=bool(roles & SUPERVISING), masked=roles == {"auxiliary"},
            now_ms=self._site.clock.at.timestamp() * 1000,
        )  # fmt: skip

    def heard(self, heard: Heard) -> None:
        """A push that was answered: predict its results and compare."""
        said = self._opened(heard.answer["receipt"])
        self._guard("push", lambda: self._compare(heard, self._push(heard.envelope, heard.token, said)))

    def unheard(self, envelope: Mapping[str, Any], token: str) -> None:
        """A push that had no good answer: it counts if its receipt was committed."""
        for said in self._unseen_receipts(envelope.get("batch")):
            self.counts["oracle_pushes_without_answer"] += 1
            self._guard("push", lambda said=said: self._push(envelope, token, said))  # type: ignore[misc]

    def uploaded(self) -> None:
        """Bytes may have arrived."""
        blobs = self._site.look(lambda session: set(session.scalars(sa.select(Blob.sha256))))
        self.oracle.blobs = blobs
        for row in self._own_operations():
            if "bytes" in (row.changed or {}):
                self._guard("upload", lambda row=row: self._patch(row, ("bytes",)))  # type: ignore[misc]

    def mark(self) -> None:
        """Before a delivery: what the server wrote so far was worked out."""
        query = sa.select(Sequence.value)
        self._seq = self._site.look(lambda session: session.scalars(query).one())

    def carried(self) -> None:
        """After a delivery: how far it came, and what the centre said."""
        for row in self._own_operations():
            self._guard("delivery", lambda row=row: self._patch(row, DELIVERY))  # type: ignore[misc]

    def resolved(self, conflict: tuple[str, str], username: str, body: Mapping[str, Any]) -> None:
        def tell() -> None:
            done = self.oracle.resolve(conflict, self._site.officers[username], body["keep"], body.get("value"))
            self._must(done, f"a resolution that cannot be, of {conflict}: {body}")

        self._guard("resolution", tell)

    def replayed(self, operation: str, username: str, body: Mapping[str, Any], result: Any) -> None:
        officer, values = self._site.officers[username], body.get("set")
        self._desk("replay", operation, result, lambda name: self.oracle.replay(name, values, officer))

    def dismissed(self, operation: str, username: str, body: Mapping[str, Any], result: Any) -> None:
        officer, reason = self._site.officers[username], body["reason"]
        self._desk("dismissal", operation, result, lambda name: self.oracle.dismiss(name, officer, reason))

    def judged(self, record: str, username: str, body: Mapping[str, Any], result: Any) -> None:
        """A verdict that was accepted; result: what was answered, None where nobody heard it."""
        officer = self._site.officers[username]

        def tell() -> None:
            wanted = self.oracle.verdict(record, body["verdict"], officer, body["reason"])
            same = result is None or all(result[name] == wanted[name] for name in ("outcome", "version"))
            self._must(same, f"verdict on {record} gave {result}, expected {wanted}")

        self._guard("verdict", tell)

    def save(self) -> None:
        """A backup is written."""
        self._saved = (self._copy(self.oracle), self._seq)

    def load(self) -> None:
        """The backup takes the server's place."""
        if self._saved is not None and not self.parted:
            saved, self._seq = self._saved
            self.oracle = self._copy(saved)

    # How it is compared.

    def _copy(self, oracle: Oracle) -> Oracle:
        return copy.deepcopy(oracle, {id(oracle.declared): oracle.declared})

    def _guard(self, what: str, tell: Callable[[], Any]) -> None:
        """Tell the oracle, unless it parted with the server before; an oracle that fails has parted too."""
        if self.parted:
            self.counts["oracle_not_compared"] += 1
            return
        try:
            tell()
        except FAULTS as fault:
            self._must(False, f"the oracle failed at a {what}: {fault!r}")

    def _must(self, same: bool, what: str) -> None:
        if not same and not self.parted:
            self.parted = True
            self._complain(f"39 {what}")

    def _push(self, envelope: Mapping[str, Any], token: str, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        officer, revoked = self._pusher(token, said["terminal"])
        now_ms = round(wall_ms(said["time"]) or 0)
        return self.oracle.push(
            officer=officer, terminal=said["terminal"], envelope=envelope, now_ms=now_ms, revoked=revoked
        )

    def _pusher(self, token: str, terminal: str) -> tuple[str, bool]:
        """Who pushed, and whether his terminal is revoked; the terminal's number is told on the way."""
        claim = tokens.read_token(self._site.app.extensions["fieldpost"].keys, "access", token)
        assert claim is not None
        columns = (TokenFamily.officer, Terminal.terminal_no, Terminal.revoked_at)
        query = sa.select(*columns).join(Terminal, Terminal.id == terminal).where(TokenFamily.id == claim.family)
        row = self._site.look(lambda session: session.execute(query).one())
        self.oracle.terminal(terminal, row.terminal_no)
        return row.officer, row.revoked_at is not None

    def _compare(self, heard: Heard, expected: list[dict[str, Any]]) -> None:
        self.counts["oracle_pushes_compared"] += 1
        for operation, got, wanted in zip(heard.envelope["operations"], heard.answer["results"], expected, strict=True):
            self._must(_plain(got) == _plain(wanted), _difference(operation, _plain(got), _plain(wanted)))
        numbers = (heard.answer["highest_number"], heard.answer["missing_numbers"])
        wanted_numbers = self.oracle.numbers(heard.envelope["store"])
        self._must(numbers == wanted_numbers, f"numbers {numbers}, expected {wanted_numbers}")

    def _desk(self, what: str, operation: str, result: Any, ask: Callable[[str], dict[str, Any]]) -> None:
        if operation.startswith(UNNAMED):
            return

        def tell() -> None:
            wanted = ask(self._name_of(operation)) | {"id": operation}
            same = result is None or _plain(result) == _plain(wanted)
            self._must(same, f"{what} of {operation} gave {result}, expected {wanted}")

        self._guard(what, tell)

    def _name_of(self, operation: str) -> str:
        """The oracle's name of an operation of the inbox."""
        if not operation.startswith(SET_ASIDE):
            return operation
        query = sa.select(OperationRow.payload).where(OperationRow.id == operation)
        name = self.oracle.set_aside(json.loads(self._site.look(lambda session: session.scalars(query).one())))
        self._aside[name] = operation
        return name

    def inbox_name(self, operation: str) -> str:
        """The inbox's name of an operation of the oracle's."""
        return self._aside.get(operation, operation)

    def _patch(self, row: Any, names: tuple[str, ...]) -> None:
        """Take over what the server itself wrote of these fields, and what it noted in a list."""
        if row.action == "append":
            self._note(row)
            return
        values = {name: new for name, (_, new) in (row.changed or {}).items() if name in names}
        if values:
            self.oracle.server_patch(row.record, values)

    def _note(self, row: Any) -> None:
        said = json.loads(row.payload)
        query = sa.select(RecordRow.body).where(RecordRow.id == row.record)
        body = orjson.loads(self._site.look(lambda session: session.scalars(query).one()))
        for element in body[said["list"]]:
            if element["id"] == said["item"]["id"]:
                self.oracle.server_append(row.record, said["list"], element)

    def _own_operations(self) -> list[Any]:
        """What the server itself did since the last look, in the order of its effect."""
        columns = [
            getattr(OperationRow, name) for name in ("seq", "version", "record", "action", "payload", "changed")
        ]
        query = sa.select(*columns).where(OperationRow.store == SERVER_STORE, OperationRow.seq > self._seq)
        rows = list(self._site.look(lambda session: session.execute(query.order_by(OperationRow.seq)).all()))
        self._seq = max([self._seq, *(row.seq for row in rows)])
        return sorted(rows, key=lambda row: (row.seq, row.version))

    # What was committed.

    def _opened(self, jws: str) -> dict[str, Any]:
        """What a receipt says; it counts as seen. Its signature is for `check_29_receipts`."""
        self._seen.add(hashlib.sha256(jws.encode()).hexdigest())
        part = jws.split(".")[1]
        said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return said

    def _unseen_receipts(self, batch: Any = None) -> list[dict[str, Any]]:
        query = sa.select(ReceiptRow.sha256, ReceiptRow.jws).order_by(ReceiptRow.created_at)
        if batch is not None:
            query = query.where(ReceiptRow.batch == batch)
        rows = self._site.look(lambda session: session.execute(query).all())
        return [self._opened(row.jws) for row in rows if row.sha256 not in self._seen]

    def _take_from_inbox(self, said: Mapping[str, Any]) -> None:
        """A batch of the day before, of which only the inbox is left."""
        query = sa.select(OperationRow.officer, OperationRow.payload).where(OperationRow.batch == said["batch"])
        rows = self._site.look(lambda session: session.execute(query.order_by(OperationRow.number)).all())
        query_no = sa.select(Terminal.terminal_no).where(Terminal.id == said["terminal"])
        self.oracle.terminal(said["terminal"], self._site.look(lambda session: session.scalars(query_no).one()))
        envelope = {
            "schema": self.oracle.declared["schema"], "store": said["store"], "clock": {},
            "operations": [json.loads(row.payload) for row in rows],
        }  # fmt: skip
        now_ms = round(wall_ms(said["time"]) or 0)
        for officer in {row.officer for row in rows}:
            self.oracle.push(officer=officer, terminal=said["terminal"], envelope=envelope, now_ms=now_ms)


def _plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what is not compared: law, and the flags of an id that came twice, which depend on the split."""
    result = without_law(result)
    code = result.get("problem", {}).get("code")
    reused = isinstance(code, str) and code == REUSED
    return {name: value for name, value in result.items() if not (reused and name == "flags")}


def without_law(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what law says of a step: the oracle knows none, and law has tests of its own."""
    flags = [one for one in result.get("flags", ()) if not one.startswith(DEFECT)]
    rest = {name: value for name, value in result.items() if name != "flags"}
    return rest | {"flags": flags} if flags else rest


def _difference(operation: Any, got: dict[str, Any], wanted: dict[str, Any]) -> str:
    names = [name for name in sorted(got.keys() | wanted.keys()) if got.get(name) != wanted.get(name)]
    told, expected = ({name: one.get(name) for name in names} for one in (got, wanted))
    what = {name: operation.get(name) for name in ("action", "type", "record")} if isinstance(operation, dict) else {}
    return f"{got.get('id')} was told {told}, expected {expected}: {what}"
