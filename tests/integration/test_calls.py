"""Calls of the street: the liaison hears of them before anything else, supervisors are told until somebody answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.alerts import Alert
from tests.integration.field import Terminal, instant, new_id, terminal
from tests.integration.people import Bureau, now
from tests.integration.test_spill import certified, police_penalty, spilled
from worker import watch

BACKLOG = 2_500
PAGE = 200


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def liaison(bureau: Bureau) -> Terminal:
    return terminal(bureau, "jiaojing", "liaison")


def called(own: Terminal, call: str, **values: Any) -> dict[str, Any]:
    return own.create("call", call, kind="help", called_at=instant(), **values)


def standing(bureau: Bureau, kind: str) -> list[tuple[str, str]]:
    query = sa.select(Alert.subject, Alert.unit).where(Alert.kind == kind, Alert.cleared_at.is_(None))
    return [tuple(row) for row in bureau.change(lambda session: session.execute(query).all())]


def look(bureau: Bureau) -> None:
    bureau.change(lambda session: watch.look(session, timedelta(days=1).total_seconds(), now()))


def backlog(own: Terminal, count: int) -> None:
    for start in range(0, count, 500):
        batch = [own.create("incident", occurred_at=instant()) for _ in range(min(500, count - start))]
        own.done(*batch)


def test_a_call_is_on_the_first_page_whatever_waits(own: Terminal, liaison: Terminal) -> None:
    """Thousands of records came before it, and its incident comes with it; the pull ends with the right sums."""
    backlog(own, BACKLOG)
    incident, call = new_id(), new_id()
    own.done(own.create("incident", incident, occurred_at=instant()), called(own, call, incident=incident))
    page = liaison.page(limit=PAGE)
    first = [one["record"] for one in page["changes"][:2]]
    assert page["more"]
    assert first == [incident, call]
    liaison.pull(limit=PAGE)
    assert liaison.body(call)["status"] == "open"


def test_the_newest_calls_come_first(own: Terminal, liaison: Terminal) -> None:
    """A call that came while a pull was under way heads its next page."""
    backlog(own, 500)
    liaison.page(limit=PAGE)
    earlier, later = new_id(), new_id()
    own.done(called(own, earlier), called(own, later))
    heads = [one["record"] for one in liaison.page(limit=PAGE)["changes"][:2]]
    assert set(heads) == {earlier, later}
    liaison.pull(limit=PAGE)


def test_a_withdrawn_call_hurries_nobody(own: Terminal, liaison: Terminal) -> None:
    backlog(own, 500)
    call = new_id()
    own.push(called(own, call))
    own.push(own.void("call", call, 1))
    assert call not in [one["record"] for one in liaison.page(limit=PAGE)["changes"]]
    liaison.pull(limit=PAGE)


def test_nothing_changes_for_others(bureau: Bureau, own: Terminal) -> None:
    """An officer of the unit gets its calls in their turn, and a page is as long as he asked for."""
    backlog(own, 500)
    call = new_id()
    own.done(called(own, call))
    colleague = terminal(bureau, "officer2")
    colleague.page(limit=PAGE, lanes=["reference"])
    while (page := colleague.page(limit=PAGE, lanes=["records"]))["more"]:
        assert len(page["changes"]) == PAGE
        assert call not in [one["record"] for one in page["changes"]]
    assert colleague.body(call)["kind"] == "help"


def test_a_liaison_who_is_up_to_date_is_sent_nothing_twice(own: Terminal, liaison: Terminal) -> None:
    """A call costs one change, and a pull without news stays as small as everybody's."""
    liaison.pull()
    call = new_id()
    own.done(called(own, call))
    assert [one["record"] for one in liaison.pull()] == [call]
    assert liaison.ask().json["changes"] == []
    assert len(liaison.ask().data) < 400


def test_supervisors_are_told_until_somebody_answers(bureau: Bureau, own: Terminal, liaison: Terminal) -> None:
    """The alert stands from the moment of the push, once; a look neither doubles nor drops it; the answer ends it."""
    call = new_id()
    own.done(called(own, call))
    assert standing(bureau, "call_open") == [(call, "u1")]
    look(bureau)
    assert standing(bureau, "call_open") == [(call, "u1")]
    liaison.done(liaison.operation("transition", "call", call, base=1, event="answer", set={}))
    assert standing(bureau, "call_open") == []
    look(bureau)
    assert standing(bureau, "call_open") == []


def test_a_call_that_was_answered_on_the_spot_alarms_nobody(bureau: Bureau, own: Terminal) -> None:
    call = new_id()
    own.done(called(own, call), own.operation("transition", "call", call, base=0, event="close", set={}))
    assert standing(bureau, "call_open") == []


def test_kept_papers_are_told_until_they_are_back(bureau: Bureau, liaison: Terminal) -> None:
    """R25: raised by the look after the sync, cleared by the look after the word that they were returned."""
    certified(bureau, liaison.officer)
    case = new_id()
    liaison.push(*police_penalty(liaison, spilled(liaison), case, returned=False))
    look(bureau)
    assert standing(bureau, "papers_kept") == [(case, "u1")]
    liaison.done(liaison.append("case", case, "timeline", step="papers_returned"))
    look(bureau)
    assert standing(bureau, "papers_kept") == []
