"""The one place that commits: a transaction's beginning, its retries, its end, and what follows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.pressure import WRITERS
from field_api.problems import Problem
from sync.store.database import begin_read, begin_write, end_read, writers_turn

T = TypeVar("T")
MAX_TRIES = 5
# Whoever asked has hung up by then; a lock that is held so long is not ours to wait for.
PATIENCE_S = 15.0
_AFTER_COMMIT = "fieldpost_after_commit"
# PostgreSQL: serialization failure, deadlock. Both say: the same again.
_TRANSIENT_STATES = frozenset({"40001", "40P01"})


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Have `action` run once this session's transaction is on disk; it must not fail the answer."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


def commit(session: Session) -> None:
    """Commit, then run what waits for the commit."""
    actions = session.info.pop(_AFTER_COMMIT, [])
    session.commit()
    for action in actions:
        action()


def is_transient(error: sa.exc.DBAPIError) -> bool:
    """Say whether running the transaction again can help."""
    state = getattr(error.orig, "sqlstate", None)
    return state in _TRANSIENT_STATES or "database is locked" in str(error.orig)


def write(session: Session, work: Callable[[], T], *, at_most: int | None = None) -> T:
    """Run `work` in one write transaction and commit it; again from the start when the database asks.

    A Problem rolls back, unless it says `keeps`: then what was written before it (a counted attempt, a
    revocation) is committed and the problem goes on. at_most: how many writes of this process may be under way
    once they have to wait for each other; None where nobody waits for an answer.

    Raises:
        Problem: unavailable, when the database asked too often or too late, or too many wait already.
    """
    return _run(session, begin_write, work, commits=True, at_most=at_most)


def read(session: Session, work: Callable[[], T]) -> T:
    """Run `work` on one snapshot, and leave nothing behind."""
    return _run(session, begin_read, work, commits=False)


def _run(
    session: Session,
    begin: Callable[[Session], None],
    work: Callable[[], T],
    *,
    commits: bool,
    at_most: int | None = None,
) -> T:
    until_s = time.monotonic() + PATIENCE_S
    for attempt in range(MAX_TRIES):
        try:
            if not commits:
                return _once(session, begin, work, commits=False)
            with _turn(session, at_most):
                return _once(session, begin, work, commits=True)
        except sa.exc.DBAPIError as error:
            if not is_transient(error) or attempt + 1 == MAX_TRIES:
                raise
            if time.monotonic() > until_s:
                raise Problem("unavailable", retry_after_s=5) from error
    raise Problem("unavailable", retry_after_s=5)


@contextmanager
def _turn(session: Session, at_most: int | None) -> Iterator[None]:
    """Queue as a writer, and have the waiting measured."""
    with WRITERS.place(at_most) as place, writers_turn(session):
        place.has_turn()
        yield


def _once(session: Session, begin: Callable[[Session], None], work: Callable[[], T], *, commits: bool) -> T:
    try:
        begin(session)
        return _finish(session, work, commits=commits)
    finally:
        session.info.pop(_AFTER_COMMIT, None)
        session.rollback()


def _finish(session: Session, work: Callable[[], T], *, commits: bool) -> T:
    try:
        result = work()
    except Problem as problem:
        if commits and problem.keeps:
            commit(session)
        raise
    if commits:
        commit(session)
    else:
        end_read(session)
    return result
