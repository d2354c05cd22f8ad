"""The one commit: what it keeps, what it undoes, what follows it, and when it is tried again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from field_api.app import _translate
from field_api.auth.tables import Unit
from field_api.config import Config
from field_api.extensions import db
from field_api.problems import Problem
from field_api.transactions import MAX_TRIES, after_commit, read, write
from tests.integration.people import running


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session of the application."""
    with app.app_context():
        yield db.session()


def units(session: Session) -> list[str]:
    return list(read(session, lambda: session.scalars(sa.select(Unit.id)).all()))


def test_what_waits_for_the_commit_sees_it(session: Session) -> None:
    """An action runs after its transaction is committed, and once."""
    seen: list[list[str]] = []

    def work() -> str:
        session.add(Unit(id="u1", name="一"))
        after_commit(session, lambda: seen.append(units(session)))
        return "done"

    assert write(session, work) == "done"
    assert write(session, lambda: "nothing") == "nothing"
    assert seen == [["u1"]]


@pytest.mark.parametrize(("keeps", "kept"), [(False, []), (True, ["u1"])])
def test_a_problem_undoes_unless_it_keeps(session: Session, keeps: bool, kept: list[str]) -> None:
    """Only a problem that says so leaves what was written before it, and only then its actions run."""
    ran: list[str] = []

    def work() -> None:
        session.add(Unit(id="u1", name="一"))
        after_commit(session, lambda: ran.append("u1"))
        raise Problem("too_many_requests", keeps=keeps)

    with pytest.raises(Problem):
        write(session, work)
    assert units(session) == ran == kept


def test_reading_leaves_nothing(session: Session) -> None:
    """What a reading transaction writes by mistake is undone, or refused where the database can tell."""

    def work() -> None:
        session.add(Unit(id="u1", name="一"))
        session.flush()

    refuses = session.get_bind().dialect.name == "postgresql"
    with pytest.raises(sa.exc.InternalError) if refuses else nullcontext():
        read(session, work)
    assert units(session) == []


def test_reading_keeps_what_the_driver_has_prepared(tmp_path: Path, founded_postgres_url: str) -> None:
    """Statements that were prepared outlive the reads between them; at a rollback the driver forgets them."""
    prepared = sa.text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM unit%'")
    with running(Config(data=tmp_path, database_url=founded_postgres_url)) as app, app.app_context():
        session = db.session()
        for _ in range(10):
            units(session)
        assert read(session, lambda: session.scalar(prepared)) == 1


def _fail_as_the_database_may(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"))
    # A second writer on the same file that will not wait is refused just as a crowd of them would be.
    with db.engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout = 0")
        other.exec_driver_sql("CREATE TABLE t (a INTEGER)")


def test_a_passing_fault_is_tried_again_from_the_start(session: Session) -> None:
    """A transaction that the database refused for the moment runs again, and its effect is there once."""
    tries = itertools.count(1)

    def work() -> int:
        session.add(Unit(id="u1", name="一"))
        session.flush()
        number = next(tries)
        if number < 3:
            _fail_as_the_database_may(session)
        return number

    assert write(session, work) == 3
    assert units(session) == ["u1"]


def test_a_fault_that_stays_is_raised_in_the_end(session: Session) -> None:
    """It is not tried for ever."""
    tries = itertools.count(1)

    def work() -> None:
        session.add(Unit(id="u1", name="一"))
        session.flush()
        next(tries)
        _fail_as_the_database_may(session)

    with pytest.raises(sa.exc.OperationalError):
        write(session, work)
    assert next(tries) == MAX_TRIES + 1
    assert units(session) == []


@pytest.mark.parametrize(
    "error", [sa.exc.TimeoutError("pool"), sa.exc.OperationalError("SELECT 1", {}, Exception("server closed"))]
)
def test_a_database_that_has_no_connection_left_is_unavailable(error: Exception) -> None:
    """Under load or without its database the service says 503 and when to come again, never 500."""
    problem = _translate(error)
    assert (problem.kind.code, problem.kind.status, problem.retry_after_s) == ("unavailable", 503, 5)
