"""Alerts: raised once, kept while their cause stands, seen by a person, over when it is gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from structlog.testing import capture_logs

from field_api import alerts
from field_api.alerts import Alert, Finding
from field_api.auth import officers
from field_api.extensions import db
from field_api.metrics import gauges as registered
from sync.store.tables import OperationRow, StoreRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, Console, now
from tests.integration.test_console_repair import page, statements
from worker import watch

PAGE = "/console/alerts"
MOMENT = "2026-11-22T10:00:00+08:00"
SILENT_AFTER_S = 86_400.0


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def look(bureau: Bureau) -> list[Any]:
    """What stands after the relay has looked."""
    bureau.change(lambda session: watch.look(session, SILENT_AFTER_S, now()))
    return standing(bureau)


def standing(bureau: Bureau) -> list[Any]:
    query = sa.select(*Alert.__table__.columns).where(Alert.cleared_at.is_(None)).order_by(Alert.id)
    return list(bureau.change(lambda session: session.execute(query).all()))


def every(bureau: Bureau) -> list[Any]:
    query = sa.select(*Alert.__table__.columns).order_by(Alert.id)
    return list(bureau.change(lambda session: session.execute(query).all()))


def silence(bureau: Bureau, own: Terminal) -> None:
    seen = sa.update(StoreRow).where(StoreRow.id == own.store).values(last_seen_at=now() - timedelta(hours=30))
    bureau.change(lambda session: session.execute(seen))


def behind(bureau: Bureau, own: Terminal, pending: int = 9) -> None:
    """Have a terminal be silent with unsent work."""
    own.push(own.create("incident", occurred_at=MOMENT), health={"pending": pending})
    silence(bureau, own)


def contradict(own: Terminal, record: str, base: int = 1) -> str:
    """Write a once-written field anew; gives the operation's id."""
    operation = own.patch("incident", record, base, occurred_at="2025-01-01T10:00:00+08:00")
    [result] = own.send(operation)
    assert result["problem"]["code"] == "write_once_changed", result
    return str(operation["id"])


def test_a_silent_terminal_is_raised_once_and_clears_when_it_reports(bureau: Bureau, own: Terminal) -> None:
    """However often anybody looks: one alert, not written again; a push ends it, another silence is another."""
    assert look(bureau) == []
    behind(bureau, own)
    [raised] = look(bureau)
    assert (raised.kind, raised.subject, raised.unit, raised.count) == ("terminal_silent", own.handheld.id, "u1", 8)
    assert raised.detail["officer"] == own.officer
    assert look(bureau) == [raised]
    own.push(health={"pending": 0})
    assert look(bureau) == []
    assert every(bureau)[0].cleared_at is not None
    behind(bureau, own)
    assert look(bureau)[0].id != raised.id


def test_a_contradicted_field_is_an_alert_until_a_person_has_dealt_with_it(
    bureau: Bureau, own: Terminal, supervisor: Console
) -> None:
    """One for a record, counting the operations; another quarantine's reason raises none."""
    record = own.create("incident", occurred_at=MOMENT)
    own.done(record)
    own.send(own.create("no_such_type"))
    first = contradict(own, record["record"])
    [raised] = look(bureau)
    assert (raised.kind, raised.subject, raised.count) == ("write_once_changed", record["record"], 1)
    assert raised.detail["names"] == [first]
    second = contradict(own, record["record"])
    [grown] = look(bureau)
    assert (grown.id, grown.count, grown.detail["names"]) == (raised.id, 2, [first, second])
    for one in (first, second):
        assert supervisor.post(f"/quarantine/{one}/dismissal", {"reason": "演示"}).status_code == 200
    assert look(bureau) == []


def test_what_is_parked_for_more_than_a_day_is_an_alert(bureau: Bureau, own: Terminal) -> None:
    """By terminal; what waits for hours is none yet, and what has arrived ends it."""
    case = own.create("case")
    [parked] = own.send(own.photo(case["record"], own.officer))
    assert parked["outcome"] == "parked", parked
    assert look(bureau) == []
    before = sa.update(OperationRow).where(OperationRow.id == parked["id"])
    bureau.change(lambda session: session.execute(before.values(received_at=now() - timedelta(hours=25))))
    [raised] = look(bureau)
    assert (raised.kind, raised.subject, raised.count) == ("parked_overdue", own.handheld.id, 1)
    own.done(case)
    assert look(bureau) == []


def test_a_number_used_again_is_an_event_of_its_push(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """Raised with the push, not by looking; a repetition adds nothing, and noting it ends it."""
    own.done(own.create("incident", occurred_at=MOMENT))
    own.number = 0
    again = own.create("incident", occurred_at=MOMENT)
    with capture_logs() as logged:
        own.push(again)
    own.push(again)
    [raised] = standing(bureau)
    assert (raised.kind, raised.subject, raised.count) == ("number_reused", own.store, 1)
    assert [(one["kind"], one["log_level"]) for one in logged if one["event"] == "an alert was raised"] == [
        ("number_reused", "warning")
    ]
    assert look(bureau) == [raised]
    own.number = 0
    own.push(own.create("incident", occurred_at=MOMENT))
    assert [(one.id, one.count) for one in standing(bureau)] == [(raised.id, 2)]
    marked = supervisor.client.post(f"{PAGE}/{raised.id}/seen", headers=supervisor.csrf)
    assert marked.location == f"{PAGE}?done=seen"
    assert standing(bureau) == []


def test_looking_says_so_once(bureau: Bureau, own: Terminal) -> None:
    """A warning is logged when an alert is raised, and none while it stands."""
    behind(bureau, own)
    with capture_logs() as logged:
        look(bureau)
        look(bureau)
    assert [one["subject"] for one in logged if one["event"] == "an alert was raised"] == [own.handheld.id]


def settle(bureau: Bureau, count: int, at: datetime) -> None:
    finding = Finding("terminal_silent", "演示", "u1", count)
    bureau.change(lambda session: alerts.settle(session, [finding], at))


def test_what_grows_is_unread_again(bureau: Bureau, supervisor: Console) -> None:
    """A person's note holds while nothing gets worse; what shrinks stays noted."""
    settle(bureau, 3, now())
    [row] = standing(bureau)
    supervisor.client.post(f"{PAGE}/{row.id}/seen", headers=supervisor.csrf)
    settle(bureau, 2, now())
    [noted] = standing(bureau)
    assert (noted.count, noted.seen_at is not None) == (2, True)
    settle(bureau, 4, now())
    [grown] = standing(bureau)
    assert (grown.id, grown.seen_at, grown.seen_by) == (row.id, None, None)


def test_the_page_shows_what_to_do_and_who_has_noted_it(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """Each kind in both languages, with a badge until it is noted, and below what is over."""
    assert "没有警报" in page(supervisor, PAGE)
    record = own.create("incident", occurred_at=MOMENT)
    own.done(record)
    contradict(own, record["record"])
    own.number = 0
    own.push(own.create("incident", occurred_at=MOMENT))
    own.number = 10
    behind(bureau, own)
    for one in look(bureau):
        assert f'action="{PAGE}/{one.id}/seen"' in page(supervisor, PAGE)
    shown = page(supervisor, PAGE)
    assert '警报 <span class="count">3</span>' in shown
    for text in ("至少 7 条未发送", "只能写一次的内容被改动：1 项操作", "操作编号被重复使用：1 项", "演示 officer1",
                 own.handheld.terminal_no, "/console/quarantine"):
        assert text in shown, text
    silent = next(one for one in standing(bureau) if one.kind == "terminal_silent")
    supervisor.client.post(f"{PAGE}/{silent.id}/seen", headers=supervisor.csrf)
    english = page(supervisor, PAGE, "en")
    for text in ("noted by 演示 shenhe", 'Alerts <span class="count">2</span>', "is silent with at least 7 unsent"):
        assert text in english, text
    own.push(health={"pending": 0})
    look(bureau)
    assert "最近解除的 <small>1</small>" in page(supervisor, PAGE)


def test_each_sees_his_units_alerts_and_administrators_all(bureau: Bureau, supervisor: Console) -> None:
    """Another unit's are neither shown nor counted nor marked; who runs no terminals has no such page."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    behind(bureau, terminal(bureau, "officer2", unit="u2"))
    [theirs] = look(bureau)
    assert "没有警报" in page(supervisor, PAGE)
    assert supervisor.client.post(f"{PAGE}/{theirs.id}/seen", headers=supervisor.csrf).status_code == 404
    admin, dispatcher = bureau.console("zhou"), bureau.console("diaodu", "dispatcher")
    assert theirs.id in page(admin, PAGE)
    assert admin.client.post(f"{PAGE}/{new_id()}/seen", headers=admin.csrf).status_code == 404
    assert admin.client.post(f"{PAGE}/{theirs.id}/seen").status_code == 403
    assert standing(bureau)[0].seen_at is None
    assert dispatcher.client.get(PAGE).status_code == 403
    assert PAGE not in page(dispatcher, "/console/")


def test_the_page_asks_no_more_for_many_than_for_one(bureau: Bureau, app: Flask, supervisor: Console) -> None:
    """The number of statements is the same for one alert and for five."""
    counts = []
    for number in (1, 4):
        for _ in range(number):
            behind(bureau, terminal(bureau, f"officer-{new_id()}"))
        look(bureau)
        with statements(app) as seen:
            page(supervisor, PAGE)
        counts.append(len(seen))
    assert counts[0] == counts[1]
    with app.app_context():
        told = {labels[0]: value for labels, value in registered["fieldpost_alerts_open"].read(db.session())}
    assert told == {kind: 5.0 if kind == "terminal_silent" else 0.0 for kind in alerts.KINDS}
