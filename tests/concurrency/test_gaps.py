"""Eight writers, one puller, a hundred thousand rows, none missed; and what is missed without the guard."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from field_api.extensions import db
from sync.store import changes, sequence
from sync.store.database import begin_read, begin_write
from sync.store.tables import AudienceRow

WRITERS, SIZE, ROWS = 8, 500, 100_000
LONGEST_WORK_S = 0.05
SCOPE = "unit:gaps"
ROUNDS = 20
# Takes `count` numbers and gives the last; a writer is given one that is taken before its transaction or inside it.
Take = Callable[[Session, int], int]

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :count - 1) SELECT i FROM n"
_RECORDS = sa.text(
    "INSERT INTO sync_record (id, type, version, seq, family, body, stamps) SELECT :name || CAST(i AS TEXT), 'case',"
    f" 1, CAST(:first AS BIGINT) + i, :name || CAST(i AS TEXT), '{{}}', '{{}}' FROM ({_NUMBERS}) AS numbers"
)
_AUDIENCE = sa.text(
    "INSERT INTO sync_audience (scope, record, family, seq, since) SELECT :scope, :name || CAST(i AS TEXT),"
    " :name || CAST(i AS TEXT), CAST(:first AS BIGINT) + i, CAST(:first AS BIGINT) + i"
    f" FROM ({_NUMBERS}) AS numbers"
)


def _taken_last(session: Session, count: int) -> int:
    return sequence.take(session, count, int(time.time() * 1000)).value


class Race:
    """Writers that each commit `SIZE` rows at a time, and a puller that follows them by sequence."""

    def __init__(self, app: Flask, *, early: Take | None = None, inside: Take | None = None) -> None:
        with app.app_context():
            self.engine = db.engine
        self.early, self.inside = early, inside
        self.over = threading.Event()
        self.received: set[str] = set()

    def write(self, seed: int, times: int) -> None:
        """Commit `times` transactions, with work before and after the number is taken."""
        dice = random.Random(seed)
        for index in range(times):
            with Session(self.engine) as session:
                last = self.early(session, SIZE) if self.early else 0
                self._work(dice)
                begin_write(session)
                last = self.inside(session, SIZE) if self.inside else last
                self._work(dice)
                last = last or _taken_last(session, SIZE)
                values = {"name": f"{seed}-{index}-", "first": last - SIZE + 1, "count": SIZE}
                session.execute(_RECORDS, values)
                session.execute(_AUDIENCE, values | {"scope": SCOPE})
                session.commit()

    def _work(self, dice: random.Random) -> None:
        """What a merge, a hash or a slow disk takes; half of it before the numbers, half after."""
        self.over.wait(dice.uniform(0, LONGEST_WORK_S / 2))

    def pull(self) -> None:
        """Read on from the last number seen, until the writers are done and nothing is left."""
        after = 0
        while True:
            last_round = self.over.is_set()
            with Session(self.engine) as session:
                begin_read(session)
                page = changes.pages(session, {"records": ([SCOPE], after)}, 1000)["records"]
            assert [row.seq for row in page] == sorted(row.seq for row in page)
            self.received |= {row.id for row in page}
            after = page[-1].seq if page else after
            if last_round and not page:
                return

    def missed(self, times: int, seed: int = 0) -> int:
        """Run all; returns how many committed rows the puller's position passed unseen."""
        self.over.clear()
        with ThreadPoolExecutor(WRITERS + 1) as pool:
            pulling = pool.submit(self.pull)
            writing = [pool.submit(self.write, seed + index, times) for index in range(WRITERS)]
            try:
                for one in writing:
                    one.result(150)
            finally:
                self.over.set()
            pulling.result(60)
        with Session(self.engine) as session:
            committed = set(session.scalars(sa.select(AudienceRow.record).where(AudienceRow.scope == SCOPE)))
        assert len(committed) >= WRITERS * times * SIZE
        return len(committed - self.received)

    def misses_something(self) -> bool:
        """Run small races until one loses a row; the threads' luck decides which."""
        return any(self.missed(2, seed=round_ * WRITERS) for round_ in range(ROUNDS))


def test_none_of_a_hundred_thousand_rows_is_missed(app: Flask) -> None:
    """Whatever is open meanwhile: a puller whose position has passed a row has received it."""
    assert Race(app).missed(ROWS // WRITERS // SIZE) == 0


@pytest.mark.parametrize("founded_url", ["postgresql"], indirect=True)
def test_a_plain_sequence_loses_rows(app: Flask) -> None:
    """Numbers of PostgreSQL's own sequence, which nobody waits for: the race above can fail."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SEQUENCE plain INCREMENT {SIZE} START {SIZE}"))

    def plain(session: Session, count: int) -> int:
        return int(session.scalar(sa.text("SELECT nextval('plain')")) or 0)

    assert Race(app, inside=plain).misses_something()


@pytest.mark.parametrize("founded_url", ["sqlite"], indirect=True)
def test_numbers_from_outside_the_transaction_lose_rows(app: Flask) -> None:
    """On SQLite, too, the race sees numbers that are not taken inside the writer's turn.

    It has one writer at a time: a number taken within the transaction cannot be overtaken there, however early.
    """
    counter, lock = itertools.count(SIZE, SIZE), threading.Lock()

    def outside(session: Session, count: int) -> int:
        with lock:
            return next(counter)

    assert Race(app, early=outside).misses_something()
