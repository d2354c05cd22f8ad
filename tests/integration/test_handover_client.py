"""The reference terminal is handed over with work unsent: both officers' work arrives, each sees his own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from reference.terminal import Verdict
from sync.store.tables import OperationRow, RecordRow
from tests.integration.people import Bureau
from tests.support.handset import Handset

CASE = {"category": "0406", "description": "演示数据：占道经营"}


@pytest.fixture
def handset(bureau: Bureau, tmp_path: Path) -> Iterator[Handset]:
    made = Handset(bureau, tmp_path / "handset")
    yield made
    made.terminal.close()


def test_each_answers_for_his_own_work(bureau: Bureau, handset: Handset) -> None:
    """The first writes without a network and hands over; what the second sends is booked under who wrote it."""
    first, second = bureau.officer("officer1"), bureau.officer("officer2")
    terminal = handset.sign_in("officer1")
    his = terminal.create("case", CASE)
    handset.line.plan("/sync/hello", "lost_request")
    assert terminal.sync().verdict is Verdict.LATER
    terminal = handset.sign_in("officer2")
    mine = terminal.create("case", CASE)
    assert [(one.record, one.officer) for one in terminal.queue()] == [(mine, second)]
    assert {one.record: one.officer for one in terminal.queue(everybody=True)} == {his: first, mine: second}
    assert terminal.sync().verdict is Verdict.OK
    assert terminal.queue(everybody=True) == []
    query = sa.select(OperationRow.record, OperationRow.officer).where(OperationRow.record.in_((his, mine)))
    booked = bureau.change(lambda session: dict(tuple(row) for row in session.execute(query)))
    assert booked == {his: first, mine: second}
    query = sa.select(RecordRow.id, RecordRow.body).where(RecordRow.id.in_((his, mine)))
    bodies = bureau.change(lambda session: dict(tuple(row) for row in session.execute(query)))
    authors = {record: orjson.loads(body)["author"] for record, body in bodies.items()}
    assert authors == {his: first, mine: second}


def test_what_is_refused_stays_with_its_author(bureau: Bureau, handset: Handset) -> None:
    """A quarantined operation is in the queue of who wrote it, and he finds it when he signs in again."""
    first = bureau.officer("officer1")
    bureau.officer("officer2")
    terminal = handset.sign_in("officer1")
    terminal.create("case", CASE | {"amount_fen": -1})
    terminal = handset.sign_in("officer2")
    assert terminal.sync().verdict is Verdict.OK
    assert terminal.queue() == []
    assert [(one.state, one.officer) for one in terminal.queue(everybody=True)] == [("quarantined", first)]
    terminal = handset.sign_in("officer1")
    assert [(one.state, one.result["problem"]["code"]) for one in terminal.queue()] == [
        ("quarantined", "invalid_field")
    ]


def test_a_lost_value_is_told_to_who_wrote_it(bureau: Bureau, handset: Handset, tmp_path: Path) -> None:
    """The second officer, whose sign-in carried the edit over, is not told that he lost."""
    for name in ("officer1", "officer2", "officer3"):
        bureau.officer(name)
    terminal = handset.sign_in("officer1")
    case = terminal.create("case", CASE)
    assert terminal.sync().verdict is Verdict.OK
    other = Handset(bureau, tmp_path / "other")
    try:
        elsewhere = other.sign_in("officer3")
        assert elsewhere.sync().verdict is Verdict.OK
        elsewhere.patch(case, {"description": "演示数据：先到"})
        assert elsewhere.sync().verdict is Verdict.OK
    finally:
        other.terminal.close()
    terminal.patch(case, {"description": "演示数据：后到"})
    terminal = handset.sign_in("officer2")
    assert terminal.sync().verdict is Verdict.OK
    assert terminal.losses() == []
    terminal = handset.sign_in("officer1")
    assert [(one["field"], one["mine"]) for one in terminal.losses()] == [("description", "演示数据：后到")]
