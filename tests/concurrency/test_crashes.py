"""The server is killed at random moments of pushes: what a terminal holds a receipt for is so, and is so once."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.config import Config
from field_api.extensions import db
from reference.terminal import Terminal, Verdict
from sync.engine.values import FINAL
from sync.store.tables import OperationRow, ReceiptRow, RecordRow
from tests.integration.people import PASSWORD, Bureau, running
from tests.support.lives import Lives
from tests.support.waiting import wait_until

CREW = 3
LONGEST_WAIT_S = 0.12


class Crew:
    """Terminals that write and push without end, whatever the server does."""

    def __init__(self, url: str, folder: Path, codes: list[str]) -> None:
        self.url, self.folder, self.codes = url, folder, codes
        self.over = threading.Event()
        self.pushes: Counter[str] = Counter()

    def work(self, index: int) -> None:
        """One terminal's days: a store of its own, a batch with every push, the same again after a lost answer."""
        dice = random.Random(index)
        with self.open(index) as terminal:
            while not self.over.is_set():
                if len(terminal.queue()) < 12:
                    _write(terminal, dice)
                self.pushes["begun"] += 1
                report = terminal.push()
                self.pushes[report.verdict] += 1
                if report.verdict is not Verdict.OK:
                    self.over.wait(0.01)

    def open(self, index: int) -> Terminal:
        return Terminal(self.folder / f"terminal{index}", self.url)

    def sign_in(self) -> None:
        for index, code in enumerate(self.codes):
            with self.open(index) as terminal:
                assert terminal.enrol(code, "演示机").verdict is Verdict.OK
                assert terminal.sign_in(f"crew{index}", PASSWORD).verdict is Verdict.OK

    def empty(self) -> None:
        """Bring what is left to a server that lives."""
        for index in range(len(self.codes)):
            with self.open(index) as terminal:
                wait_until(lambda t=terminal: t.push().verdict is Verdict.OK and not t.queue(), "an empty queue", 60)


def _write(terminal: Terminal, dice: random.Random) -> None:
    """A case with edits on top; each has an effect of its own, so that a version counts them."""
    case = terminal.create("case", {"category": "0406", "description": "x" * dice.randrange(200)})
    for number in range(dice.randrange(5)):
        terminal.append(case, "notes", {"at": "2026-11-22T10:00:00+08:00", "text": f"{number}"})
    terminal.patch(case, {"priority_hint": dice.randrange(1, 9)})


@pytest.fixture
def crash_url(request: pytest.FixtureRequest) -> str:
    """The database that the option names; SQLite's file by default."""
    if request.config.getoption("--crashes-on") == "postgresql":
        return str(request.getfixturevalue("founded_postgres_url"))
    return f"sqlite:///{request.getfixturevalue('founded_copy')}"


@pytest.fixture
def crew(crash_url: str, tmp_path: Path) -> Iterator[tuple[Crew, Lives, Config]]:
    config = Config(data=tmp_path / "data", database_url=crash_url)
    with running(config) as app:
        bureau = Bureau(app)
        for index in range(CREW):
            bureau.officer(f"crew{index}")
        codes = [bureau.code() for _ in range(CREW)]
    with Lives(config, tmp_path) as lives:
        yield Crew(lives.url, tmp_path, codes), lives, config


@pytest.mark.timeout(0)
def test_receipts_are_true_and_nothing_counts_twice_after_kills(
    crew: tuple[Crew, Lives, Config], request: pytest.FixtureRequest
) -> None:
    """Every operation that a verified receipt calls final stands in the database so; each took effect once."""
    terminals, lives, config = crew
    crashes, dice = request.config.getoption("--crashes"), random.Random()
    lives.start()
    terminals.sign_in()
    with ThreadPoolExecutor(CREW) as pool:
        working = [pool.submit(terminals.work, index) for index in range(CREW)]
        try:
            for _ in range(crashes):
                begun = terminals.pushes["begun"]
                wait_until(lambda b=begun: terminals.pushes["begun"] > b, "a push")
                threading.Event().wait(dice.uniform(0, LONGEST_WAIT_S))  # the moment is the dice's
                lives.kill()
                lives.start()
        finally:
            terminals.over.set()
        for one in working:
            one.result(60)
    terminals.empty()
    assert terminals.pushes[Verdict.OK] >= crashes / 2, terminals.pushes
    assert terminals.pushes[Verdict.LATER] > 0, terminals.pushes
    with running(config, create=False) as app:
        _check_all_receipts(app, terminals)
        _check_effects(app)
        _check_that_the_checks_can_fail(app, terminals)


def _check_all_receipts(app: Flask, terminals: Crew) -> None:
    for index in range(CREW):
        with terminals.open(index) as terminal:
            _check_receipts(app, terminal)


def _check_receipts(app: Flask, terminal: Terminal) -> None:
    """Hold each verified receipt against the inbox, and the whole of what was authored against it too."""
    keys = terminal.session.keys()
    tokens = terminal.store.all("SELECT jws, sha256 FROM receipt")
    entries = [entry for row in tokens for entry in keys.open(row["jws"])["results"]]
    with app.app_context():
        stored = {row.id: row for row in db.session.execute(sa.select(*OperationRow.__table__.columns))}
        known = set(db.session.scalars(sa.select(ReceiptRow.sha256)))
    for number, operation, sha256, outcome, version in entries:
        if outcome in FINAL:
            row = stored[operation]
            assert (row.number, row.payload_sha256, row.outcome) == (number, sha256, outcome)
            assert version is None or version == row.version
    assert {row["sha256"] for row in tokens} <= known
    authored = terminal.store.all("SELECT id, outcome, version, receipt FROM operation")
    assert len(authored) > 5
    assert {row["id"] for row in authored} == {entry[1] for entry in entries}
    assert all(row["receipt"] is not None for row in authored)
    assert all((row["outcome"], row["version"]) == (stored[row["id"]].outcome, stored[row["id"]].version)
               for row in authored)


def _check_all_receipts(app: Flask, terminals: Crew) -> None:
    for index in range(CREW):
        with terminals.open(index) as terminal:
            _check_receipts(app, terminal)


def _check_that_the_checks_can_fail(app: Flask, terminals: Crew) -> None:
    """One outcome that is not what its receipt says, and one effect too many, are seen."""
    with app.app_context():
        lost = db.session.scalars(sa.select(OperationRow.id).where(OperationRow.number == 1)).first()
        db.session.execute(sa.update(OperationRow).where(OperationRow.id == lost).values(outcome="parked"))
        twice = db.session.scalars(sa.select(RecordRow.id).where(RecordRow.type == "case")).first()
        db.session.execute(sa.update(RecordRow).where(RecordRow.id == twice).values(version=RecordRow.version + 1))
        db.session.commit()
    with pytest.raises(AssertionError):
        _check_all_receipts(app, terminals)
    with app.app_context():
        db.session.execute(sa.update(OperationRow).where(OperationRow.id == lost).values(outcome="applied"))
        db.session.commit()
    with pytest.raises(AssertionError):
        _check_effects(app)


def _check_effects(app: Flask) -> None:
    """A case's version is the number of operations on it, its notes are those that were appended, once each."""
    with app.app_context():
        operations = db.session.execute(sa.select(OperationRow.record, OperationRow.payload, OperationRow.outcome)
                                        .where(OperationRow.type == "case")).all()
        records = db.session.execute(sa.select(RecordRow.id, RecordRow.version, RecordRow.body)
                                     .where(RecordRow.type == "case")).all()
    assert {row.outcome for row in operations} == {"applied"}
    effects = Counter(row.record for row in operations)
    notes: dict[str, list[Any]] = {}
    for row in operations:
        payload = json.loads(row.payload)
        if payload["action"] == "append":
            notes.setdefault(row.record, []).append(payload["item"]["id"])
    assert {row.id: row.version for row in records} == dict(effects)
    for row in records:
        held = [one["id"] for one in json.loads(row.body)["notes"]]
        assert sorted(held) == sorted(notes.get(row.id, []))
