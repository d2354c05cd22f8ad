"""The server against its oracle: whatever is pushed, in whatever split, each answer and each record is as predicted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from field_api.auth import officers
from field_api.config import Config
from field_api.extensions import db
from simulation.oracle import Oracle
from simulation.twin import without_law
from sync.store.tables import ConflictRow, RecordRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
STEPS = ("register", "investigate", "advise", "no_penalty", "notify", "decide", "close", "archive", "convert")
CREW = (
    ("zhang", "u1", ("officer",)), ("wang", "u1", ("officer",)), ("aux", "u1", ("auxiliary",)),
    ("li", "u1", ("supervisor",)), ("lia", "u2", ("liaison",)), ("chen", "u2", ("officer",)),
)  # fmt: skip


@pytest.fixture
def database_url(tmp_path: Path, founded_file: Path) -> str:
    """SQLite only: what is compared are rules, and those do not depend on the database."""
    (tmp_path / "fieldpost.sqlite3").write_bytes(founded_file.read_bytes())
    return f"sqlite:///{tmp_path / 'fieldpost.sqlite3'}"


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Config:
    return Config(data=tmp_path / "data", database_url=database_url)


class Day:
    """A crew that works from one seed, on the server and on the oracle alike."""

    def __init__(self, bureau: Bureau, app: Flask, seed: int, clock: Any) -> None:
        self.app, self.bureau, self.clock, self.dice = app, bureau, clock, random.Random(seed)
        bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
        self.crew = [terminal(bureau, name, *roles, unit=unit) for name, unit, roles in CREW]
        self.supervisor = self.crew[3]
        served = self.supervisor.handheld.client.get("/api/v1/sync/schema", headers=self.supervisor.handheld.bearer)
        self.oracle = Oracle(served.json)
        for own, (_, unit, roles) in zip(self.crew, CREW, strict=True):
            self.oracle.terminal(own.handheld.id, own.handheld.terminal_no)
            self.oracle.person(
                own.officer, set(roles), unit, {f"unit:{unit}"},
                supervisor="supervisor" in roles, masked="auxiliary" in roles,
            )  # fmt: skip
        self.queues: dict[str, list[dict[str, Any]]] = {own.store: [] for own in self.crew}
        self.made: list[dict[str, Any]] = []
        self.late: list[dict[str, Any]] = []
        self.seen: set[str] = set()
        self.settled: dict[str, list[dict[str, Any]]] = {own.handheld.id: [] for own in self.crew}

    def run(self, operations: int) -> None:
        while len(self.made) < operations:
            self.clock.shift(timedelta(milliseconds=self.dice.choice((0, 7, 900, 2000))))
            own = self.dice.choice(self.crew)
            moves = (self.work,) * 6 + (self.push,) * 2 + (self.desk, self.pull)
            self.dice.choice(moves)(own)
        for own in self.crew * 3:
            self.late, ready = [], self.late
            for operation in ready:
                self.queues[operation["_store"]].append(operation)
            while self.queues[own.store]:
                self.push(own)
            self.pull(own)

    # The officers' work.

    def work(self, own: Terminal) -> None:
        kinds = (self.create, self.patch, self.patch, self.patch, self.step, self.step, self.append)
        operation = self.dice.choice(kinds)(own)
        if operation is None:
            return
        self.clocks(operation)
        if self.made and self.dice.random() < 0.08:
            operation["after"] = [one["id"] for one in self.dice.sample(self.made, min(2, len(self.made)))]
        if self.dice.random() < 0.04:
            operation["after"] = [self.dice.choice((operation["id"], new_id()))]
        self.made.append(operation)
        self.queues[own.store].append(operation)
        if self.dice.random() < 0.03:
            self.queues[own.store].append({**operation, "at": "2026-11-22T00:00:00Z"})

    def clocks(self, operation: dict[str, Any]) -> None:
        if self.dice.random() < 0.8:
            moment = datetime.now(UTC) + timedelta(seconds=self.dice.choice((-600, -5, 0, 5, 290, 7200)))
            operation["hlc"] = f"{int(moment.timestamp() * 1000):012x}-{self.dice.randrange(9):04x}-t9"

    def records(self, *types: str) -> list[str]:
        known = [one["record"] for one in self.made if one["action"] == "create" and one["type"] in types]
        return known[-6:] or [new_id()]

    def create(self, own: Terminal) -> dict[str, Any] | None:
        kind = self.dice.choice(("case", "case", "incident", "evidence", "vehicle_check", "again"))
        values: dict[str, Any] = self.values("case") if kind == "case" else {}
        if kind == "case":
            values["category"] = self.dice.choice(("0401", "0406", "0101", "9999"))
        if kind in ("case", "vehicle_check") and self.dice.random() < 0.4:
            values["incident"] = self.dice.choice(self.records("incident"))
        if kind == "again" and self.made:
            again = self.dice.choice(self.made)
            return {**again, "id": new_id(), "number": own.operation("x", "x", "x")["number"]}
        if kind == "evidence":
            return own.photo(self.dice.choice(self.records("case")), own.officer)
        return own.create(kind, **values) if kind != "again" else None

    def values(self, kind: str) -> dict[str, Any]:
        some: dict[str, Callable[[], Any]] = {
            "description": self.word, "address": self.word, "shop_name": self.word,
            "category": lambda: self.dice.choice(("0401", "0406", "0101", "9999")),
            "amount_fen": lambda: self.dice.choice((1, 2, 3, None)), "priority_hint": lambda: self.dice.randrange(5),
            "source": lambda: self.dice.choice(("patrol", "hotline")), "case_no": self.word,
            "party": lambda: {"name": self.word()}, "review": lambda: "passed", "nothing": self.word,
            "legal_basis": lambda: [self.word()],
        }  # fmt: skip
        weights = [8, 8, 4, 6, 6, 6, 2, 1, 3, 0.3, 0.3, 3]
        return {name: some[name]() for name in self.dice.choices(list(some), weights, k=self.dice.choice((1, 1, 2, 3)))}

    def word(self) -> str:
        return self.dice.choice(("甲", "乙", "丙"))

    def base(self, record: str) -> Any:
        standing = self.oracle.records().get(record, {"version": 0})["version"]
        same = [one["id"] for one in self.made if one["record"] == record]
        roll = self.dice.random()
        if roll < 0.35 and same:
            return {"operation": self.dice.choice(same)}
        if roll < 0.4 and self.made:
            return {"operation": self.dice.choice(self.made)["id"]}
        if roll < 0.45:
            return standing + self.dice.choice((1, 2))
        return self.dice.randrange(standing + 1) if roll < 0.7 else standing

    def patch(self, own: Terminal) -> dict[str, Any]:
        record = self.dice.choice(self.records("case"))
        return own.patch("case", record, self.base(record), **self.values("case"))

    def step(self, own: Terminal) -> dict[str, Any]:
        record = self.dice.choice(self.records("case")[-3:])
        values = self.values("case") if self.dice.random() < 0.3 else {}
        values.pop("case_no", None)  # a proposed step is answered otherwise than the protocol's table says
        standing = self.oracle.records().get(record, {"body": {}})["body"].get("status", "draft")
        steps = self.oracle.declared["types"]["case"]["transitions"]
        further = [one["event"] for one in steps if standing in one["from"]]
        event = self.dice.choice(further or STEPS) if self.dice.random() < 0.7 else self.dice.choice(STEPS)
        return own.step(record, event, self.base(record), **values)

    def append(self, own: Terminal) -> dict[str, Any]:
        record = self.dice.choice(self.records("case"))
        name = self.dice.choice(("notes", "timeline", "documents"))
        parts = {"notes": {"text": self.word()}, "timeline": {"step": "persuade"}, "documents": {"type": "D05"}}[name]
        return own.append("case", record, name, **parts)

    # The line.

    def push(self, own: Terminal) -> None:
        queue = self.queues[own.store]
        batch = queue[: self.dice.randrange(1, 9)]
        del queue[: len(batch)]
        if self.dice.random() < 0.3:
            self.dice.shuffle(batch)
        if batch and self.dice.random() < 0.2:
            batch.append(self.dice.choice(batch))
        if self.made and self.dice.random() < 0.15:
            batch += self.dice.sample(self.made, min(3, len(self.made)))
        ahead = self.dice.random() < 0.05
        clock = {"wall": (datetime.now(UTC) + timedelta(minutes=6 * ahead)).isoformat()}
        now_ms = round(datetime.now(UTC).timestamp() * 1000)
        answer = own.push(*batch, clock=clock)
        expected = self.oracle.push(
            officer=own.officer, terminal=own.handheld.id, now_ms=now_ms,
            envelope={"schema": 1, "store": own.store, "clock": clock, "operations": batch},
        )  # fmt: skip
        for operation, got, wanted in zip(batch, answer["results"], expected, strict=True):
            if wanted.get("problem", {}).get("code") == "operation_id_reused":
                got.pop("flags", None)
                wanted.pop("flags", None)
            assert without_law(got) == wanted, (operation, got, wanted)
        assert (answer["highest_number"], answer["missing_numbers"]) == self.oracle.numbers(own.store)

    def pull(self, own: Terminal) -> None:
        page = own.page(limit=2000)
        while True:
            self.settled[own.handheld.id] += [without_law(one) for one in page["settled"]]
            if not page["more"]:
                break
            page = own.page(limit=2000)
        assert self.settled[own.handheld.id] == self.oracle.settled(own.handheld.id)

    # The supervisor's desk.

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        handheld = self.supervisor.handheld
        return handheld.client.post(f"/api/v1{path}", json=body, headers=handheld.bearer)

    def listed(self, path: str) -> list[dict[str, Any]]:
        handheld = self.supervisor.handheld
        found: list[dict[str, Any]] = handheld.client.get(f"/api/v1{path}", headers=handheld.bearer).json
        return found

    def desk(self, _: Terminal) -> None:
        self.dice.choice((self.resolve, self.resolve, self.verdict, self.verdict, self.repair))()

    def resolve(self) -> None:
        listed = self.listed("/conflicts?state=open")
        if not listed:
            return
        conflict = self.dice.choice(listed)
        keep = self.dice.choice(("mine", "theirs"))
        answer = self.ask(f"/conflicts/{conflict['id']}/resolution", {"id": new_id(), "keep": keep, "reason": "核对"})
        with self.app.app_context():
            query = sa.select(ConflictRow.operation, ConflictRow.field).where(ConflictRow.id == conflict["id"])
            row = db.session.execute(query).one()
            db.session.rollback()
        done = self.oracle.resolve((row.operation, row.field), self.supervisor.officer, keep)
        assert (answer.status_code == 200) == done, (conflict, keep, answer.text)

    def verdict(self) -> None:
        record = self.dice.choice(self.records("case", "evidence"))
        standing = self.oracle.records().get(record)
        if standing is None or standing["body"].get("unit", "u1") != "u1":
            return
        kind = "cases" if standing["type"] == "case" else "evidence"
        word = self.dice.choice(("passed", "returned", "rejected") if kind == "evidence" else ("passed", "returned"))
        answer = self.ask(f"/{kind}/{record}/reviews", {"id": new_id(), "verdict": word, "reason": "核对"})
        if answer.status_code == 200:
            wanted = self.oracle.verdict(record, word, self.supervisor.officer, "核对")
            assert (answer.json["outcome"], answer.json["version"]) == (wanted["outcome"], wanted["version"])

    def repair(self) -> None:
        sound = [one for one in self.listed("/quarantine") if one["problem"]["code"] != "operation_id_reused"]
        if not sound:
            return
        one = self.dice.choice(sound)
        if self.dice.random() < 0.4:
            answer = self.ask(f"/quarantine/{one['id']}/dismissal", {"reason": "核对"})
            assert without_law(answer.json) == self.oracle.dismiss(one["id"], self.supervisor.officer, "核对")
            return
        values = {"category": "0402"} if one["action"] in ("create", "patch") and one["type"] == "case" else {}
        answer = self.ask(f"/quarantine/{one['id']}/replay", {"reason": "核对", "set": values})
        assert without_law(answer.json) == self.oracle.replay(one["id"], values, self.supervisor.officer), one

    def check(self) -> None:
        """The database and every terminal hold what the oracle says."""
        with self.app.app_context():
            types = ("case", "incident", "evidence", "vehicle_check")
            rows = db.session.execute(sa.select(RecordRow).where(RecordRow.type.in_(types))).scalars().all()
            found = {row.id: {"type": row.type, "version": row.version, "body": orjson.loads(row.body)} for row in rows}
            db.session.rollback()
        parts = ("type", "version", "body")
        wanted = {name: {part: one[part] for part in parts} for name, one in self.oracle.records().items()}
        assert found == wanted
        for own, (_, unit, _) in zip(self.crew, CREW, strict=True):
            held = {name: (kind, version) for name, (kind, version, _) in own.held.items() if name in wanted}
            assert held == self.oracle.visible({f"unit:{unit}"})


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize("seed", range(15))
def test_every_answer_and_record_is_as_the_oracle_says(bureau: Bureau, app: Flask, clock: Any, seed: int) -> None:
    """Officers of two units and a supervisor, any order, split, base, wait and repetition: no answer differs."""
    day = Day(bureau, app, seed, clock)
    day.run(150)
    day.check()
