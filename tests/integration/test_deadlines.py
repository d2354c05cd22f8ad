"""Clocks on records: counted from the act, met by what is written, marked and told by time alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.alerts import Alert
from field_api.auth import officers
from field_api.auth.sessions import identity_of
from field_api.casework import calendars, deadlines
from field_api.casework.clock_tables import Deadline
from field_api.casework.law.calendar import end_of_day
from field_api.casework.law.deadlines import Terms
from field_api.extensions import db
from tests.integration.field import Terminal, terminal
from tests.integration.lawful import at, clocks, decided, payment, stepped
from tests.integration.people import Bureau, now
from worker import clocks as keeper


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


def settle(bureau: Bureau) -> int:
    return bureau.change(lambda session: keeper.settle(session, bureau.home, now()))


def told(bureau: Bureau) -> dict[tuple[str, str], list[str]]:
    """What the relay would tell of clocks: which, by kind and record."""
    found = bureau.change(lambda session: list(keeper.findings(session, now())))
    return {(one.kind, one.subject): one.detail["names"] for one in found}


def test_a_case_that_comes_months_late_is_counted_from_the_act(bureau: Bureau, own: Terminal) -> None:
    """Decided on 30 April, pushed in autumn: filed, paid and served in time or not by the field's own times."""
    case, operations = decided(own)
    own.done(*operations, payment(own, case), stepped(own, "case", case, "file", at("16:00", "2026-05-08")))
    found = clocks(bureau, case)
    assert {name: row.state for name, row in found.items()} == {
        "file_city": "met", "serve": "met", "pay": "met", "review": "lapsed", "hand_in": "missed",
    }  # fmt: skip
    assert found["file_city"].due_at == end_of_day(date(2026, 5, 8))
    assert found["hand_in"].due_at == end_of_day(date(2026, 5, 7))
    assert found["file_city"].started_at == datetime(2026, 4, 30, 1, 25, tzinfo=UTC)
    assert found["review"].due_at == end_of_day(date(2026, 6, 29))
    assert {row.unit for row in found.values()} == {"u1"}
    assert {row.case for row in found.values()} == {case}


def test_the_police_file_within_two_days(bureau: Bureau, own: Terminal) -> None:
    """Its own clock, not the city's; filed a day late is missed, with the time at which it was done."""
    case, operations = decided(own, subject="traffic_police")
    own.done(*operations, stepped(own, "case", case, "file", at("16:00", "2026-05-08")))
    row = clocks(bureau, case)["file_police"]
    assert "file_city" not in clocks(bureau, case)
    assert (row.state, row.due_at) == ("missed", end_of_day(date(2026, 5, 7)))
    assert row.met_at == datetime(2026, 5, 8, 8, tzinfo=UTC)
    assert told(bureau) == {}


def test_file_and_close_in_one_batch_keep_their_own_times(bureau: Bureau, own: Terminal) -> None:
    """What was filed in time stays so, though it was closed long after and both came together."""
    case, operations = decided(own)
    late = [stepped(own, "case", case, "file", at("10:00", "2026-05-06"))]
    own.done(*operations, *late, stepped(own, "case", case, "close", at("10:00", "2026-07-06")))
    row = clocks(bureau, case)["file_city"]
    assert (row.state, row.met_at) == ("met", datetime(2026, 5, 6, 2, tzinfo=UTC))


def test_what_is_written_twice_or_worked_out_again_stays_one_row(bureau: Bureau, own: Terminal) -> None:
    """The same rows with the same ids after a repeated push, another change and a recount."""
    case, operations = decided(own)
    own.done(*operations)
    before = clocks(bureau, case)
    own.push(*operations)
    own.done(own.append("case", case, "notes", text="演示"))
    assert bureau.change(lambda session: deadlines.recount(session, now(), Terms())) == 1
    assert clocks(bureau, case) == before


def test_a_voided_document_takes_its_clocks_along(bureau: Bureau, own: Terminal) -> None:
    """No decision, no deadline; a voided case has none either."""
    case, operations = decided(own)
    own.done(*operations)
    document = operations[4]["item"]["id"]
    own.done(own.void("case", case, 0, list="documents", item=document))
    assert clocks(bureau, case) == {}
    other, operations = decided(own)
    own.done(*operations)
    assert clocks(bureau, other)
    supervisor = terminal(bureau, "shenhe", "supervisor", "officer")
    supervisor.pull()
    supervisor.done(supervisor.void("case", other, supervisor.version(other)))
    assert clocks(bureau, other) == {}


def measure(own: Terminal, kind: str = "register_evidence", moment: str = at("15:00"), **values: Any) -> dict[str, Any]:
    return own.create("measure", kind=kind, imposed_at=moment, subject="city_bureau", **values)


def test_registered_evidence_lapses_by_itself(bureau: Bureau, own: Terminal) -> None:
    """Seven working days without a decision: the clock lapses, the measure ends, people are told once."""
    created = measure(own)
    own.done(created)
    record = created["record"]
    assert clocks(bureau, record)["register_evidence"].due_at == end_of_day(date(2026, 5, 13))
    assert settle(bureau) == 1
    assert settle(bureau) == 0
    own.pull()
    assert own.body(record)["status"] == "lapsed"
    query = sa.select(Alert.subject, Alert.count).where(Alert.kind == "measure_lapsed")
    assert bureau.change(lambda session: session.execute(query).all()) == [(record, 1)]
    assert clocks(bureau, record)["register_evidence"].state == "lapsed"


def test_a_measure_within_its_term_is_left_alone(bureau: Bureau, own: Terminal) -> None:
    """Begun just now; and one that was lifted in time, however late the server heard of it."""
    fresh = measure(own, moment=now().isoformat(timespec="milliseconds"))
    own.done(fresh)
    old = measure(own, kind="seize", term_days=20)
    lifted = stepped(own, "measure", old["record"], "lift", at("09:00", "2026-05-19"))
    own.done(old, lifted)
    assert settle(bureau) == 0
    assert clocks(bureau, fresh["record"])["register_evidence"].state == "open"
    row = clocks(bureau, old["record"])["seizure"]
    assert (row.state, row.due_at) == ("met", end_of_day(date(2026, 5, 20)))


def test_an_urgent_measure_must_be_approved_within_a_day(bureau: Bureau, own: Terminal) -> None:
    """To the minute, on a holiday too; a withheld vehicle must be delivered as soon."""
    urgent = measure(own, kind="seize", moment=at("22:30", "2026-05-02"), urgent=True)
    held = measure(own, kind="hold_vehicle", ground="V1", delivered_at=at("22:31", "2026-05-01"))
    own.done(urgent, held)
    row = clocks(bureau, urgent["record"])["late_approval"]
    assert row.due_at == datetime(2026, 5, 3, 14, 30, tzinfo=UTC)
    assert row.state == "missed"
    assert clocks(bureau, held["record"])["deliver"].state == "missed"


def test_what_runs_out_is_told_until_it_is_done(bureau: Bureau, own: Terminal) -> None:
    """Near from four fifths on, missed after; a citizen's right that ends is nobody's alert."""
    case, operations = decided(own)
    own.done(*operations)
    assert told(bureau) == {("deadline_missed", case): ["file_city"]}
    soon = sa.update(Deadline).where(Deadline.clock == "file_city")
    moved = {"due_at": now() + timedelta(hours=1), "warn_at": now() - timedelta(hours=1), "state": "open"}
    bureau.change(lambda session: session.execute(soon.values(moved)))
    assert told(bureau) == {("deadline_near", case): ["file_city"]}
    bureau.change(lambda session: alerts.settle(session, keeper.findings(session, now()), now()))
    own.done(stepped(own, "case", case, "file", at("16:00", "2026-05-06")))
    assert told(bureau) == {}
    bureau.change(lambda session: alerts.settle(session, keeper.findings(session, now()), now()))
    query = sa.select(Alert.kind).where(Alert.cleared_at.is_(None))
    assert bureau.change(lambda session: session.scalars(query).all()) == []


def test_time_marks_what_was_not_done(bureau: Bureau, own: Terminal) -> None:
    """An open row past its end is missed, or lapsed where the right itself is gone."""
    case, operations = decided(own)
    own.done(*operations)
    reopened = sa.update(Deadline).values(state="open")
    bureau.change(lambda session: session.execute(reopened))
    settle(bureau)
    states = {name: row.state for name, row in clocks(bureau, case).items()}
    assert states == {"file_city": "missed", "serve": "missed", "pay": "missed", "review": "lapsed"}


def test_a_day_decided_otherwise_moves_what_is_open(bureau: Bureau, own: Terminal) -> None:
    """A work day called off, and back; terminals hear of it; a second word replaces the first."""
    case, operations = decided(own)
    own.done(*operations)

    def decide(works: bool, source: str) -> None:
        def work(session: Any) -> None:
            calendars.decide(session, bureau.home, date(2026, 5, 7), source, now(), works=works)
            deadlines.recount(session, now(), Terms())

        bureau.change(work)

    decide(works=False, source="演示通知一")
    assert clocks(bureau, case)["file_city"].due_at == end_of_day(date(2026, 5, 9))
    decide(works=True, source="演示通知二")
    assert clocks(bureau, case)["file_city"].due_at == end_of_day(date(2026, 5, 8))
    own.pull()
    days = {body["day"]: body for kind, _, body in own.held.values() if kind == "holiday"}
    assert (days["2026-05-07"]["is_workday"], days["2026-05-07"]["source"]) == (True, "演示通知二")
    assert days["2026-05-09"]["is_workday"] is True
    assert days["2026-05-04"]["is_workday"] is False
    assert "2026-05-03" not in days
    assert bureau.change(lambda session: calendars.publish(session, bureau.home, now())) == 0


def test_a_general_case_has_ninety_days_without_its_stays(bureau: Bureau, own: Terminal) -> None:
    """From the filing's approval; ten days of appraisal lengthen it, an open hearing holds it."""
    supervisor = terminal(bureau, "shenhe", "supervisor", "officer")
    case, operations = decided(own)
    own.done(*operations[:3])
    created = own.create("proceeding", case=case, opened_at=at("09:00"), amount_fen=300_000, penalty_kinds=["fine"])
    own.done(created)
    record = created["record"]

    def approve(kind: str, day: str, **parts: Any) -> None:
        made = supervisor.append("proceeding", record, "approvals", kind=kind, granted=True, **parts)
        made["item"]["at"] = at("09:00", day)
        supervisor.done(made)

    approve("filing", "2026-03-02")
    assert clocks(bureau, record)["decide"].due_at == end_of_day(date(2026, 5, 31))
    approve("stay", "2026-03-10", days=10)
    assert clocks(bureau, record)["decide"].due_at == end_of_day(date(2026, 6, 10))
    approve("extension", "2026-05-30", days=30)
    assert clocks(bureau, record)["decide"].due_at == end_of_day(date(2026, 7, 10))
    hearing = own.append("proceeding", record, "hearings", act="requested")
    hearing["item"]["at"] = at("09:00", "2026-07-01")
    own.done(hearing)
    row = clocks(bureau, record)["decide"]
    assert (row.due_at, row.warn_at, row.state) == (None, None, "open")
    assert row.case == case


def test_a_device_whose_clock_is_wild_stops_nothing(bureau: Bureau, own: Terminal) -> None:
    """Times that no calendar can count are kept, and run no clock."""
    case, operations = decided(own)
    operations[4]["item"]["at"] = "1950-01-01T00:00:00.000+08:00"
    operations[4]["item"]["served"]["at"] = "8900-01-01T00:00:00.000+08:00"
    own.done(*operations, measure(own, moment="8900-01-01T00:00:00.000+08:00"))
    assert clocks(bureau, case) == {}


def test_an_ordinary_push_asks_nothing_for_clocks(bureau: Bureau, own: Terminal) -> None:
    """A case that no decision was written on costs no statement on deadlines, calendar or ledger."""
    seen: list[str] = []
    with bureau.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda _c, _u, text, *_rest: seen.append(text))
    case, operations = decided(own)
    own.done(*operations[:4])
    own.done(own.append("case", case, "timeline", step="educate"))
    words = (" deadline", "holiday", "cash_receipt", "ledger", "remedy")
    assert [text for text in seen if any(word in text for word in words)] == []
    own.done(operations[4])
    assert [text for text in seen if " deadline" in text]


def test_lists_are_ones_own_units(bureau: Bureau, own: Terminal) -> None:
    """Overdue and near, for a supervisor of the unit and an administrator; nothing of it for another unit's."""
    case, operations = decided(own)
    own.done(*operations)
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    people = [bureau.officer(name, role, unit=unit) for name, role, unit in (
        ("shenhe", "supervisor", "u1"), ("boss", "admin", "u2"), ("bieren", "supervisor", "u2"),
    )]  # fmt: skip

    def asked(which: Callable[..., Any]) -> list[list[str]]:
        def work(session: Session) -> list[list[str]]:
            return [[row.clock for row in which(session, identity_of(session, one))] for one in people]

        return bureau.change(work)

    assert asked(deadlines.overdue) == [["file_city"], ["file_city"], []]
    assert asked(lambda session, who: deadlines.near(session, who, now())) == [[], [], []]
    before = datetime(2026, 5, 8, 12, tzinfo=UTC)
    bureau.change(lambda session: session.execute(sa.update(Deadline).values(state="open")))
    assert asked(lambda session, who: deadlines.near(session, who, before)) == [["file_city"], ["file_city"], []]
    of_case = bureau.change(lambda session: [row.clock for row in deadlines.of_case(session, case)])
    assert of_case == ["file_city", "serve", "pay", "review"]
