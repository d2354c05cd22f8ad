"""What the server says of a summary penalty when it syncs: nothing of a lawful one, the rule of a faulty one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.casework import staff
from field_api.casework.defects import Defect
from field_api.casework.models import Task
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau
from tests.support.numbers import leased, text

DAY = "2026-11-02T10:{:02d}:00+08:00"
PARTY = {"kind": "citizen", "name": "演示当事人"}


def at(minute: int) -> str:
    return DAY.format(minute)


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def pair(bureau: Bureau, own: Terminal) -> tuple[str, str]:
    """Two officers with certificates for this year; the first is signed in on `own`."""
    colleague = bureau.officer("tongban", "officer")

    def certify(session: Any) -> None:
        for officer in (own.officer, colleague):
            staff.certify(
                session, bureau.home, officer, "演示", date(2026, 1, 1), date(2026, 12, 31), datetime.now(UTC)
            )

    bureau.change(certify)
    return own.officer, colleague


def street(
    own: Terminal,
    pair: tuple[str, str],
    case: str,
    without: frozenset[str] = frozenset(),
    subject: str = "city_bureau",
) -> list[Any]:
    """A whole summary penalty in the terminal's order; `without` leaves elements out by name."""
    main, second = pair
    decision, waiver = new_id(), new_id()
    block = leased(own, 1, f"D07.{subject}")
    number = text(block, block["from"])

    def add(name: str, list_: str, **parts: Any) -> list[Any]:
        return [] if name in without else [own.append("case", case, list_, **parts)]

    return [
        own.create(
            "case", case, party=PARTY, amount_fen=5000, penalty_kinds=["fine"], procedure="summary",
            subject=subject, officers=[main, second], occurred_at=at(0), legal_basis=["演示"],
        ),
        *add("ids", "timeline", step="ids_shown", at=at(1), officers=[main, second]),
        *add("order", "timeline", step="correction_ordered", at=at(2)),
        own.step(case, "register"), own.step(case, "investigate"),
        *add("notice", "statements", kind="notice", at=at(3), facts="演示", reason="演示", basis=["演示"], rights=True),
        own.step(case, "notify"),
        *add("signed_waiver", "signatures", id=waiver, signer="party", at=at(4), method="stroke", sha256="ab" * 32),
        *add("waiver", "statements", kind="waiver", at=at(4), signature=waiver),
        *add("decision", "documents", id=decision, type="D07", at=at(5), number=number),
        own.step(case, "decide"),
        *[own.append("case", case, "signatures", signer="officer", officer=one, document=decision, at=at(6))
          for one in pair],
        *add("signed", "signatures", signer="party", document=decision, at=at(6), method="paper"),
        *add("proof", "documents", type="D26", of=decision, at=at(7), served={"mode": "on_site", "at": at(7)}),
        own.step(case, "serve"),
    ]  # fmt: skip


def flagged(own: Terminal, operations: list[Any]) -> dict[str, list[str]]:
    """The flags of each step, by event."""
    results = own.push(*operations)["results"]
    assert {one["outcome"] for one in results} <= {"applied", "merged"}, results
    pairs = zip(operations, results, strict=True)
    return {one["event"]: result["flags"] for one, result in pairs if "event" in one and "flags" in result}


def defects(bureau: Bureau, case: str) -> dict[str, str]:
    rows = bureau.change(
        lambda session: session.execute(sa.select(Defect.rule, Defect.state).where(Defect.record == case)).all()
    )
    return {row.rule: row.state for row in rows}


def tasks(bureau: Bureau, case: str) -> list[tuple[str, str]]:
    query = sa.select(Task.rule, Task.status).where(Task.case == case).order_by(Task.rule)
    return [(row.rule, row.status) for row in bureau.change(lambda session: session.execute(query).all())]


def test_a_lawful_penalty_is_not_marked(bureau: Bureau, own: Terminal, pair: tuple[str, str]) -> None:
    """With everything said, shown, signed and served, no step bears a flag and nobody gets a task."""
    case = new_id()
    assert flagged(own, street(own, pair, case)) == {}
    assert defects(bureau, case) == {}
    assert tasks(bureau, case) == []


@pytest.mark.parametrize(
    ("without", "rule", "events"),
    [
        ("ids", "R02", {"notify", "decide", "serve"}),
        ("notice", "R06", {"decide", "serve"}),
        ("order", "R34", {"decide", "serve"}),
        ("decision", "R10", {"decide", "serve"}),
    ],
)
def test_what_was_left_out_is_named_and_never_refused(
    bureau: Bureau, own: Terminal, pair: tuple[str, str], without: str, rule: str, events: set[str]
) -> None:
    """The steps are applied and flagged with the rule; the served case has a defect and the reviewer a task."""
    case = new_id()
    found = flagged(own, street(own, pair, case, frozenset({without})))
    assert {event: flags for event, flags in found.items() if f"procedure_defect:{rule}" in flags}.keys() == events
    assert defects(bureau, case) == {rule: "open"}
    assert tasks(bureau, case) == [(rule, "open")]


def test_a_fine_above_the_limit_is_marked_at_the_decision(bureau: Bureau, own: Terminal, pair: tuple[str, str]) -> None:
    """Two hundred yuan is the citizen's limit of the summary procedure; one fen more is a defect."""
    case, other = new_id(), new_id()
    within, beyond = street(own, pair, case), street(own, pair, other)
    within[0]["set"]["amount_fen"], beyond[0]["set"]["amount_fen"] = 20000, 20001
    assert flagged(own, within) == {}
    assert flagged(own, beyond)["decide"] == ["procedure_defect:R03"]


def test_a_fault_that_a_later_word_mends_is_cleared(bureau: Bureau, own: Terminal, pair: tuple[str, str]) -> None:
    """The order to correct came with the colleague's later sync: the defect and its task are closed by themselves."""
    case = new_id()
    own.push(*street(own, pair, case, frozenset({"order"})))
    assert defects(bureau, case) == {"R34": "open"}
    own.push(own.append("case", case, "timeline", step="correction_ordered", at=at(2)))
    assert defects(bureau, case) == {"R34": "cleared"}
    assert tasks(bureau, case) == [("R34", "closed")]


def test_the_flags_of_a_step_do_not_depend_on_the_split(own: Terminal, pair: tuple[str, str]) -> None:
    """One push or many: each step is judged as it left the case, so its flags are the same."""
    whole, split = new_id(), new_id()
    lacking = frozenset({"ids", "order"})
    at_once = flagged(own, street(own, pair, whole, lacking))
    one_by_one: dict[str, list[str]] = {}
    for operation in street(own, pair, split, lacking):
        one_by_one |= flagged(own, [operation])
    assert one_by_one == at_once


def test_a_repeated_push_is_answered_with_the_same_flags(own: Terminal, pair: tuple[str, str]) -> None:
    """What was flagged once is flagged when its answer was lost and it is sent again."""
    operations = street(own, pair, new_id(), frozenset({"notice"}))
    first = own.push(*operations)["results"]
    again = own.push(*operations)["results"]
    assert [{**one, "duplicate": True} for one in first] == again


def test_an_expired_certificate_is_found_on_the_day_of_the_act(
    bureau: Bureau, own: Terminal, pair: tuple[str, str]
) -> None:
    """It counts whether it was valid when he acted, not when he synced (R44)."""
    case = new_id()
    operations = street(own, pair, case)
    operations[0]["set"]["occurred_at"] = "2025-12-31T10:00:00+08:00"
    assert "procedure_defect:R44" in flagged(own, operations)["decide"]
