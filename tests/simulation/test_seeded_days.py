"""Seeded days of a bureau over a bad line: terminals work offline, answers get lost, and all agree in the end.

The terminals here are models; what they assert at every page (checkpoints, parents first) is in `field.py`.
"""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.extensions import db
from sync.store.tables import ConflictRow, OperationRow, RecordRow
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau

FINAL = {"applied", "merged", "proposed", "unchanged"}
STEPS = ("register", "investigate", "advise", "close", "notify", "decide")
TEXT_FIELDS = ("description", "address", "shop_name")


class Day:
    """One run; everything random comes from the seed."""

    def __init__(self, bureau: Bureau, seed: int) -> None:
        self.dice = random.Random(seed)
        self.crew = [terminal(bureau, name) for name in ("zhang", "wang")] + [terminal(bureau, "li", "supervisor")]
        self.queues: dict[str, list[dict[str, Any]]] = {one.store: [] for one in self.crew}
        self.answers: dict[str, dict[str, Any]] = {}
        self.trace: list[str] = []

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            own = self.dice.choice(self.crew)
            self.dice.choice((self.work, self.work, self.push, self.pull))(own)
        for own in self.crew * 2:
            while self.queues[own.store]:
                self.push(own)
            own.pull(limit=self.dice.choice((1, 5, 1000)))

    def work(self, own: Terminal) -> None:
        """Write an operation on what this terminal holds or has made, without a line."""
        made = [one["record"] for one in self.queues[own.store] if (one["type"], one["action"]) == ("case", "create")]
        cases = sorted(record for record, (kind, _, _) in own.held.items() if kind == "case") + made
        if not cases or self.dice.random() < 0.2:
            if own is not self.crew[2]:
                self.queues[own.store].append(own.create("case", description="new"))
            return
        record = self.dice.choice(cases)
        base = own.version(record) if record in own.held else 0
        kind = self.dice.randrange(5)
        if kind == 0:
            operation = own.append("case", record, "notes", text=f"{self.dice.random()}")
        elif kind == 1 and own is not self.crew[2]:
            operation = own.step(record, self.dice.choice(STEPS), base)
        elif kind == 2:
            operation = own.patch("case", record, base, category=f"010{self.dice.randrange(1, 9)}")
        elif kind == 3:
            operation = own.patch("case", record, base, amount_fen=self.dice.randrange(100))
        else:
            fields = self.dice.sample(TEXT_FIELDS, 2)
            operation = own.patch("case", record, base, **{name: f"{self.dice.random()}" for name in fields})
        self.queues[own.store].append(operation)

    def push(self, own: Terminal) -> None:
        """Push a part of the queue; the answer may be lost, and then the same is sent again some time."""
        queue = self.queues[own.store]
        batch = queue[: self.dice.randrange(1, 8)]
        if not batch:
            return
        results = own.send(*batch)
        self.trace += [f"{one['outcome']}/{one.get('version')}" for one in results]
        if self.dice.random() < 0.3:
            return
        for result in results:
            assert result["outcome"] in FINAL, result
            bare = {key: value for key, value in result.items() if key != "duplicate"}
            assert self.answers.setdefault(result["id"], bare) == bare
        del queue[: len(batch)]

    def pull(self, own: Terminal) -> None:
        own.page(limit=self.dice.choice((1, 3, 50)))


def _check(app: Flask, day: Day) -> None:
    """What must hold when every queue is empty."""
    held = [own.held for own in day.crew]
    assert held[0] == held[1] == held[2]
    with app.app_context():
        rows = db.session.execute(sa.select(RecordRow.id, RecordRow.version, RecordRow.body)).all()
        history = db.session.execute(
            sa.select(OperationRow.record, OperationRow.version, OperationRow.changed, OperationRow.action)
            .where(OperationRow.seq.is_not(None))
            .order_by(OperationRow.record, OperationRow.version)
        ).all()
        # A supervisor who overtakes an officer is simply told applied; his conflict is the officer's.
        told = sa.select(ConflictRow.operation, ConflictRow.field).where(ConflictRow.kept == "server")
        lost = db.session.execute(told).all()
        db.session.rollback()
    assert {row.id: (row.version, orjson.loads(row.body)) for row in rows} == {
        record: (version, body) for record, (_, version, body) in held[0].items()
    }
    _check_history(rows, history)
    promised = {(op, one["field"]) for op, answer in day.answers.items() for one in answer.get("conflicts", [])}
    assert {tuple(one) for one in lost} == promised
    assert len(lost) == len(promised) > 0


def _check_history(rows: Any, history: Any) -> None:
    """Versions are counted without gaps, one for each effective operation, and the last changes stand."""
    versions: dict[str, list[int]] = {}
    last: dict[tuple[str, str], Any] = {}
    for record, version, changed, _ in history:
        versions.setdefault(record, []).append(version)
        last |= {(record, name): new for name, (_, new) in (changed or {}).items() if "/" not in name}
    bodies = {row.id: orjson.loads(row.body) for row in rows}
    assert versions == {row.id: list(range(1, row.version + 1)) for row in rows}
    assert all(bodies[record][name] == new for (record, name), new in last.items())


@pytest.mark.parametrize("seed", range(3))
def test_a_day_over_a_bad_line_ends_in_agreement(bureau: Bureau, app: Flask, seed: int) -> None:
    """Every operation final once, one conflict for each promise, versions without gaps, all terminals equal."""
    day = Day(bureau, seed)
    day.run(200)
    _check(app, day)
    assert {"applied", "proposed"} <= {one.partition("/")[0] for one in day.trace}
