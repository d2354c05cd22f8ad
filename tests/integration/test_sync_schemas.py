"""Old terminals: traffic that was recorded under an earlier schema means the same to every later server.

The bureau has had one schema so far, so the mechanism is held to a small bureau of its own with four.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.engine.kinds import TIME, code, integer, text
from sync.engine.translate import Moved, Parts, Schemas, Step, codes
from sync.engine.values import Author, Field, MergeClass, Operation, Problem, Record, RecordType, Transition
from sync.service import push as pushing
from sync.service import repair, resolve
from sync.service.home import Change, Colleague, Effect
from sync.store import sequence
from sync.store.base import Base
from sync.store.database import begin_write, prepare
from sync.store.ids import new_id
from sync.store.tables import ConflictRow, OperationRow, RecordRow

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
AT = "2026-11-22T09:59:00.000+08:00"
SCOPE = frozenset({"unit:u1"})
STALL, STEP, OFFICER = new_id(), new_id(), new_id()


def _fen(yuan: Any) -> int:
    whole, _, part = yuan.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _condition(value: str) -> dict[str, str]:
    return {"dirty_blocking": {"condition": "dirty", "road": "blocked"}}.get(value, {"condition": value})


STEPS: tuple[Step, ...] = (
    {"stall": Moved("booth", Parts(renamed={"title": "name"}), {"log": Parts(renamed={"what": "step"})},
                    {"log": "timeline"}, {"finish": "close"})},
    {"booth": Moved(fields=Parts(split={"condition": _condition}),
                    lists={"timeline": Parts(converted={"step": codes({"talk": "persuade"})})})},
    {"booth": Moved(fields=Parts(renamed={"fee_yuan": "fee_fen"}, converted={"fee_yuan": _fen},
                                 dropped={"colour": text(10)}))},
)  # fmt: skip


def _field(name: str, kind: Any) -> Field:
    return Field(name, kind, MergeClass.OFFICER_UNTIL_LOCK)


def _type(number: int) -> RecordType:
    """The one record type, as each of the four schemas declares it."""
    conditions = frozenset({"clean", "dirty"} | ({"dirty_blocking"} if number < 3 else set()))
    fields = [
        _field("title" if number < 2 else "name", text(20)),
        _field("condition", code("condition", conditions)),
        _field("fee_yuan", text(20)) if number < 4 else _field("fee_fen", integer(0)),
        Field("status", text(10), MergeClass.STATE),
    ]
    fields += [_field("road", code("road", frozenset({"blocked"})))] if number > 2 else []
    fields += [_field("colour", text(10))] if number < 4 else []
    step = code("step", frozenset({"talk"} if number < 3 else {"persuade"}))
    parts = [
        Field("what" if number < 2 else "step", step, MergeClass.APPEND_ONLY),
        Field("at", TIME, MergeClass.APPEND_ONLY),
    ]
    return RecordType(
        "stall" if number < 2 else "booth",
        {one.name: one for one in fields},
        {"log" if number < 2 else "timeline": {one.name: one for one in parts}},
        (Transition("finish" if number < 2 else "close", frozenset({"open"}), "closed"),),
        lambda _body: SCOPE,
        initial={"status": "open"},
        state="status",
        creators=frozenset({"officer"}),
    )


@dataclass(frozen=True)
class Home:
    """A bureau at schema `number`."""

    number: int
    given_up: int = 0
    types: Mapping[str, RecordType] = field(init=False)
    schemas: Schemas = field(init=False)

    def __post_init__(self) -> None:
        declared = _type(self.number)
        object.__setattr__(self, "types", {declared.name: declared})
        object.__setattr__(self, "schemas", Schemas(STEPS[self.given_up : self.number - 1], oldest=1 + self.given_up))

    def given(self, session: Session, creates: Sequence[Operation], now: datetime) -> Mapping[str, Mapping[str, Any]]:
        return {}

    def colleague(self, session: Session, terminal: str, officer: str, at: datetime) -> Colleague | None:
        return None

    def save(self, session: Session, records: Sequence[Record]) -> None:
        """There are no typed rows."""

    def scopes_then(self, session: Session, officer: str, at: datetime, arrived: datetime) -> frozenset[str]:
        return frozenset()

    def refused(self, session: Session, operations: Sequence[Operation]) -> Mapping[str, Problem]:
        return {}

    def follow(self, session: Session, change: Change, now: datetime) -> Sequence[Operation]:
        return ()

    def complete(self, session: Session, changes: Sequence[Change], now: datetime) -> Sequence[Operation]:
        return ()

    def flags(self, session: Session, effects: Sequence[Effect], now: datetime) -> Mapping[str, Sequence[str]]:
        return {}

    def react(self, session: Session, changes: Sequence[Change], now: datetime) -> Sequence[Operation]:
        return ()


class Server:
    """A database on which servers of several schemas run, one after the other."""

    def __init__(self, path: Path) -> None:
        self.engine = sa.create_engine(f"sqlite:///{path}")
        prepare(self.engine)
        Base.metadata.create_all(self.engine, [one for one in Base.metadata.sorted_tables if one.name[:5] == "sync_"])
        self.change(lambda session: sequence.found(session, "epoch"))
        self.receipts: list[dict[str, Any]] = []

    def change(self, work: Callable[[Session], Any]) -> Any:
        with Session(self.engine) as session:
            begin_write(session)
            result = work(session)
            session.commit()
            return result

    def push(self, number: int, schema: int, *operations: Any, store: str = "store", home: Home | None = None) -> Any:
        """Push to a server at schema `number`; returns the results."""
        home = home or Home(number)
        batch = pushing.Batch(new_id(), store, operations, {}, None, schema)
        who = pushing.Pusher(OFFICER, frozenset({"officer"}), "u1", False, f"terminal of {store}"[:36], "t1", SCOPE)
        prepared = pushing.prepare(home, who, batch, now=NOW)
        answer = self.change(lambda session: pushing.push(session, home, prepared, sign=self._sign))
        return answer["results"]

    def _sign(self, payload: Mapping[str, Any]) -> str:
        self.receipts.append(dict(payload))
        return f"receipt {len(self.receipts)}"

    def replay(self, number: int, operation: str, **values: Any) -> Any:
        order = repair.Repair(OFFICER, "更新后重试", values)
        return self.change(lambda session: repair.replay(session, Home(number), operation, order, NOW))

    def body(self, record: str = STALL) -> dict[str, Any]:
        with Session(self.engine) as session:
            body: dict[str, Any] = orjson.loads(session.scalar(sa.select(RecordRow.body).where(RecordRow.id == record)))
            return body

    def stored(self, operation: str) -> Any:
        with Session(self.engine) as session:
            return session.execute(sa.select(OperationRow.__table__).where(OperationRow.id == operation)).one()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "sync.sqlite3")
    yield made
    made.engine.dispose()


def _operation(action: str, record_type: str, **parts: Any) -> dict[str, Any]:
    return {"id": new_id(), "action": action, "type": record_type, "record": STALL, "at": AT, **parts}


def _traffic(
    record_type: str, title: str, worst: Any, fee: Callable[[str], Any], log: str, what: str, talk: str, event: str
) -> Any:
    """A stall's story, in the words of one schema."""
    return [
        _operation("create", record_type, set={title: "豆花摊", "colour": "red", **fee("5")}),
        _operation("patch", record_type, base=1, set={**worst, **fee("12.5")}, was=fee("5")),
        _operation("append", record_type, list=log, item={"id": STEP, what: talk, "at": AT}),
        _operation("transition", record_type, base=2, event=event, set={title: "豆花"}),
    ]


# Recorded under each schema: four terminals of four ages saw the same.
TRAFFIC = {
    1: _traffic("stall", "title", {"condition": "dirty_blocking"}, lambda y: {"fee_yuan": y}, "log", "what", "talk",
                "finish"),
    2: _traffic("booth", "name", {"condition": "dirty_blocking"}, lambda y: {"fee_yuan": y}, "timeline", "step", "talk",
                "close"),
    3: _traffic("booth", "name", {"condition": "dirty", "road": "blocked"}, lambda y: {"fee_yuan": y}, "timeline",
                "step", "persuade", "close"),
}  # fmt: skip
_COMMON = {"status": "closed", "colour": "red"}
_ELEMENT = {"id": STEP, "at": AT, "by": OFFICER, "hlc": "000000000000-0000-t1"}
STATES: dict[int, dict[str, Any]] = {
    1: _COMMON | {"title": "豆花", "condition": "dirty_blocking", "fee_yuan": "12.5",
                  "log": [_ELEMENT | {"what": "talk"}]},
    2: _COMMON | {"name": "豆花", "condition": "dirty_blocking", "fee_yuan": "12.5",
                  "timeline": [_ELEMENT | {"step": "talk"}]},
    3: _COMMON | {"name": "豆花", "condition": "dirty", "road": "blocked", "fee_yuan": "12.5",
                  "timeline": [_ELEMENT | {"step": "persuade"}]},
    4: _COMMON | {"name": "豆花", "condition": "dirty", "road": "blocked", "fee_fen": 1250,
                  "timeline": [_ELEMENT | {"step": "persuade"}]},
}  # fmt: skip


def _without_clocks(body: dict[str, Any]) -> dict[str, Any]:
    """A body whose list elements have no clock: an operation without one gets the server's bound, not a time."""
    return {
        name: [{key: part for key, part in one.items() if key != "hlc"} for one in value]
        if isinstance(value, list)
        else value
        for name, value in body.items()
    }


@pytest.mark.parametrize(("written", "server_at"), [(k, s) for k in (1, 2, 3) for s in (1, 2, 3, 4) if s >= k])
def test_recorded_traffic_gives_the_same_state_on_every_later_server(
    server: Server, written: int, server_at: int
) -> None:
    """Traffic of schema k on k to k+3: every operation is applied, and the record is what that schema calls it."""
    results = server.push(server_at, written, *TRAFFIC[written])
    assert [one["outcome"] for one in results] == ["applied"] * 4, results
    assert _without_clocks(server.body()) == _without_clocks(STATES[server_at])


def test_receipts_and_the_inbox_hold_what_was_sent(server: Server) -> None:
    """The payload and its digest are the terminal's own; sent again, by now of any schema, it is a duplicate."""
    server.push(4, 1, *TRAFFIC[1])
    for sent, entry in zip(TRAFFIC[1], server.receipts[0]["results"], strict=True):
        payload = orjson.dumps(sent, option=orjson.OPT_SORT_KEYS)
        assert entry[2] == hashlib.sha256(payload).hexdigest()
        row = server.stored(sent["id"])
        assert (orjson.loads(row.payload), row.schema, row.type) == (sent, 1, "booth")
    again = server.push(4, 4, *TRAFFIC[1])
    assert {(one["outcome"], one["duplicate"]) for one in again} == {("applied", True)}


@pytest.mark.parametrize("number", [0, -1, 5, 2**31, 2**70])
def test_an_unknown_schema_is_quarantined_and_not_refused(server: Server, number: int) -> None:
    """Nothing of it is tried, nothing of it is lost."""
    results = server.push(4, number, *TRAFFIC[3])
    assert {(one["outcome"], one["problem"]["code"]) for one in results} == {("quarantined", "unknown_schema")}
    assert orjson.loads(server.stored(TRAFFIC[3][0]["id"]).payload) == TRAFFIC[3][0]


def test_a_schema_that_was_given_up_is_quarantined_and_not_refused(server: Server) -> None:
    """Older than the oldest step: kept for the day that brings the step back."""
    results = server.push(4, 1, *TRAFFIC[1], home=Home(4, given_up=1))
    assert {one["problem"]["code"] for one in results} == {"unknown_schema"}
    assert server.replay(4, TRAFFIC[1][0]["id"])["outcome"] == "applied"


def test_a_newer_terminals_work_is_applied_once_the_server_knows_its_schema(server: Server) -> None:
    """A replay before the upgrade leaves it where it was; after it, the operation is applied as it was meant."""
    create = TRAFFIC[3][0]
    server.push(2, 3, create)
    assert server.replay(2, create["id"])["problem"]["code"] == "unknown_schema"
    assert server.replay(4, create["id"])["outcome"] == "applied"
    assert server.body()["fee_fen"] == 500


def test_what_was_parked_before_an_upgrade_is_translated_when_it_wakes(server: Server) -> None:
    """Its case comes after the upgrade, from another terminal of another age."""
    _create, patch, append, step = TRAFFIC[1]
    parked = server.push(1, 1, patch, append, step)
    assert {one["outcome"] for one in parked} == {"parked"}
    server.push(4, 3, TRAFFIC[3][0], store="other")
    assert server.body()["fee_fen"] == 1250
    assert (server.body()["status"], server.body()["timeline"][0]["step"]) == ("closed", "persuade")


def test_what_no_value_of_its_schema_was_waits_for_a_person(server: Server) -> None:
    """Its problem points at the name that the terminal used; corrected by that name or by today's, it is applied."""
    create, other = (dict(TRAFFIC[1][0], id=new_id(), record=new_id()) for _ in range(2))
    create["set"] = other["set"] = {"title": "摊", "fee_yuan": "twelve"}
    for result in server.push(4, 1, create, other):
        assert (result["outcome"], result["problem"]["code"]) == ("quarantined", "invalid_field")
        assert [one["pointer"] for one in result["problem"]["errors"]] == ["/set/fee_yuan"]
    assert server.replay(4, create["id"], fee_yuan="12.5")["outcome"] == "applied"
    assert server.replay(4, other["id"], fee_yuan=None, fee_fen=1250)["outcome"] == "applied"
    for one in (create, other):
        assert (server.body(one["record"])["fee_fen"], server.body(one["record"])["name"]) == (1250, "摊")


@pytest.mark.parametrize(("number", "name"), [(4, "colour"), (4, "naem"), (3, "naem")])
def test_a_name_that_the_senders_schema_has_not_is_no_field(server: Server, number: int, name: str) -> None:
    """Only what an earlier schema had is kept; a misspelt field is never stored silently."""
    [result] = server.push(4, number, _operation("create", "booth", set={name: "red"}))
    assert (result["outcome"], result["problem"]["code"]) == ("quarantined", "invalid_field")


def test_a_dropped_field_is_kept_and_changed_by_those_who_know_it(server: Server) -> None:
    """Terminals of the earlier schema go on with it, the later clock standing; others do not touch it."""
    server.push(4, 3, TRAFFIC[3][0])
    server.push(4, 4, _operation("patch", "booth", base=1, set={"name": "新名"}), store="new")
    late, early = "000000000002-0000-t1", "000000000001-0000-t1"
    patch = _operation("patch", "booth", base=2, hlc=late, set={"colour": "blue"})
    assert server.push(4, 3, patch)[0]["outcome"] == "applied"
    other = _operation("patch", "booth", base=1, hlc=early, set={"colour": "green"})
    [result] = server.push(4, 2, other, store="third")
    assert (result["outcome"], result["fields"], result["now"]) == (
        "merged", {"colour": "kept_server"}, {"colour": "blue"})  # fmt: skip
    assert (server.body()["colour"], server.body()["name"]) == ("blue", "新名")


def test_a_proposed_step_is_accepted_after_the_upgrade_with_what_it_carried(server: Server) -> None:
    """A conflict outlives an upgrade; what the step would have set is read by today's schema."""
    server.push(1, 1, TRAFFIC[1][0])
    # The step comes from nowhere: closed is reached from open only.
    server.change(lambda session: _set_status(session, "gone"))
    step = _operation("transition", "stall", base=1, event="finish", set={"title": "豆花"})
    [result] = server.push(1, 1, step, store="other")
    assert result["outcome"] == "proposed"
    server.change(lambda session: (_set_status(session, "open"), _become_booth(session)))
    author = Author(new_id(), frozenset({"supervisor"}), "u1", "console", supervisor=True)
    word = resolve.Resolution(new_id(), "mine", None, "照办")
    conflict = result["conflicts"][0]["id"]
    server.change(lambda session: resolve.resolve(session, Home(4), conflict, word, author, sorted(SCOPE), NOW))
    assert (server.body()["status"], server.body()["name"]) == ("closed", "豆花")


def _set_status(session: Session, status: str) -> None:
    body = orjson.loads(session.scalar(sa.select(RecordRow.body)))
    session.execute(sa.update(RecordRow).values(body=orjson.dumps(body | {"status": status}).decode()))


def _become_booth(session: Session) -> None:
    """What a migration does to the records when a schema moves on."""
    session.execute(sa.update(RecordRow).values(type="booth"))
    session.execute(sa.update(ConflictRow).values(type="booth"))
