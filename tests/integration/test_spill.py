"""A lorry spills its load: ended once, by the police at the roadside or by the city in the general procedure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from field_api.casework import staff
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau
from tests.integration.test_judgement import PARTY, at, defects, flagged, tasks
from tests.support.numbers import leased, text

POLICE_ITEM, CITY_ITEM = "DJ-090-1", "DQ-116-1"


def certified(bureau: Bureau, *officers: str) -> None:
    """Give officers certificates for this year."""
    year = date(2026, 1, 1), date(2026, 12, 31)
    for officer in officers:
        bureau.change(
            lambda session, officer=officer: staff.certify(
                session, bureau.home, officer, "演示", *year, datetime.now(UTC)
            )
        )


@pytest.fixture
def liaison(bureau: Bureau) -> Terminal:
    own = terminal(bureau, "jiaojing", "liaison")
    certified(bureau, own.officer)
    return own


@pytest.fixture
def city(bureau: Bureau) -> Terminal:
    own = terminal(bureau, "officer1")
    certified(bureau, own.officer)
    return own


@pytest.fixture
def second(bureau: Bureau) -> str:
    officer = bureau.officer("tongban", "officer")
    certified(bureau, officer)
    return officer


@pytest.fixture
def head(bureau: Bureau) -> Terminal:
    return terminal(bureau, "fuze", "supervisor")


@pytest.fixture
def reviewer(bureau: Bureau) -> Terminal:
    return terminal(bureau, "fazhi", "legal")


def number_of(own: Terminal, kind: str) -> str:
    """A number out of a block of one that this terminal leased for it."""
    block = leased(own, 1, kind)
    return text(block, block["from"])


def spilled(own: Terminal) -> str:
    """The incident that both sides may find."""
    incident = new_id()
    own.done(own.create("incident", incident, occurred_at=at(0)))
    return incident


def proceed(own: Terminal, record: str, event: str, **values: Any) -> dict[str, Any]:
    return on_the_day([own.operation("transition", "proceeding", record, base=0, event=event, set=values)])[0]


def on_the_day(operations: list[Any]) -> list[Any]:
    """Have operations bear the day of the act, from which law counts, not the day of the test."""
    for one in operations:
        one["at"] = at(55)
    return operations


def police_penalty(own: Terminal, incident: str, case: str, *, returned: bool = True, **said: Any) -> list[Any]:
    """A police summary penalty by one officer, from the stop to the papers in the driver's hand."""
    decision, waiver = new_id(), new_id()

    def add(list_: str, **parts: Any) -> dict[str, Any]:
        return own.append("case", case, list_, **parts)

    back = [add("timeline", step="papers_returned", at=at(7))] if returned else []
    values = {
        "incident": incident, "party": PARTY, "procedure": "summary", "subject": "traffic_police",
        "officers": [own.officer], "occurred_at": at(0), "legal_basis": ["道路交通安全法第九十条"],
        "violations": [POLICE_ITEM], "penalty_kinds": ["fine"], "amount_fen": 20000,
    } | said  # fmt: skip
    return on_the_day([
        own.create("case", case, **values),
        add("timeline", step="ids_shown", at=at(1), officers=[own.officer]),
        add("timeline", step="correction_ordered", at=at(2)),
        own.step(case, "register"), own.step(case, "investigate"),
        add("statements", kind="notice", at=at(3), facts="演示", reason="演示", basis=["演示"], rights=True),
        own.step(case, "notify"),
        add("signatures", id=waiver, signer="party", at=at(4), method="stroke", sha256="ab" * 32),
        add("statements", kind="waiver", at=at(4), signature=waiver),
        add("documents", id=decision, type="D07", at=at(5), number=number_of(own, "D07.traffic_police")),
        own.step(case, "decide"),
        add("signatures", signer="officer", officer=own.officer, document=decision, at=at(6)),
        add("signatures", signer="party", document=decision, at=at(6), method="paper"),
        *back,
        add("documents", type="D26", of=decision, at=at(7), served={"mode": "on_site", "at": at(7)}),
        own.step(case, "serve"),
    ])  # fmt: skip


def city_case(own: Terminal, incident: str | None, case: str, proceeding: str, second: str) -> list[Any]:
    """A city case that turns out to be one for the general procedure."""
    pair = [own.officer, second]
    return on_the_day([
        own.create(
            "case", case, **({"incident": incident} if incident else {}), party=PARTY, subject="city_bureau",
            officers=pair, occurred_at=at(0), violations=[CITY_ITEM], procedure="general",
        ),
        own.append("case", case, "timeline", step="ids_shown", at=at(1), officers=pair),
        own.append("case", case, "timeline", step="correction_ordered", at=at(2)),
        own.step(case, "register"), own.step(case, "investigate"), own.step(case, "convert"),
        own.create("proceeding", proceeding, case=case, reason="演示", opened_at=at(3), officers=pair),
    ])  # fmt: skip


def prior_notice(own: Terminal, proceeding: str) -> list[Any]:
    """The notice (D09), what the party said to it, and that it was weighed."""
    def said(kind: str, **parts: Any) -> dict[str, Any]:
        return own.append("proceeding", proceeding, "statements", kind=kind, **parts)

    return [
        own.append("proceeding", proceeding, "documents", type="D09", at=at(10)),
        said("notice", at=at(10), facts="演示", reason="演示", basis=["演示"], rights=True, amount_fen=300000),
        proceed(own, proceeding, "notify"),
        said("statement", at=at(11), facts="演示"),
        said("recheck", at=at(12), response="演示", accepted=False),
    ]


def decide(head: Terminal, proceeding: str, amount_fen: int = 300000) -> list[Any]:
    number = number_of(head, "D17.city_bureau")
    return [
        head.append("proceeding", proceeding, "documents", type="D17", at=at(20), number=number),
        proceed(
            head, proceeding, "decide", penalty_kinds=["fine"], amount_fen=amount_fen,
            legal_basis=["大气污染防治法第一百一十六条"], violations=[CITY_ITEM],
        ),
    ]  # fmt: skip


def through(
    city: Terminal, head: Terminal, reviewer: Terminal, proceeding: str, amount_fen: int = 300000
) -> dict[str, list[str]]:
    """A proceeding from its filing to its close, each step by whoever may take it; gives the flags by event."""
    own = proceeding
    found = flagged(head, [
        head.append("proceeding", own, "approvals", kind="filing", at=at(4), granted=True),
        proceed(head, own, "file"),
    ])  # fmt: skip
    found |= flagged(city, [proceed(city, own, "investigate"), proceed(city, own, "submit")])
    found |= flagged(reviewer, [
        reviewer.append("proceeding", own, "documents", type="D15", at=at(9)),
        proceed(reviewer, own, "pass_legal"),
    ])  # fmt: skip
    found |= flagged(city, prior_notice(city, own))
    found |= flagged(head, decide(head, own, amount_fen))
    [paper] = [one for one in bodies(city, own)["documents"] if one["type"] == "D17"]
    served = {"mode": "direct", "at": at(30)}
    found |= flagged(city, [
        city.append("proceeding", own, "signatures", signer="party", document=paper["id"], at=at(30), method="paper"),
        city.append("proceeding", own, "documents", type="D26", of=paper["id"], at=at(30), served=served),
        proceed(city, own, "serve"),
        city.append("proceeding", own, "payments", mode="bank15", at=at(40), amount_fen=amount_fen),
        proceed(city, own, "perform"),
    ])  # fmt: skip
    return found | flagged(head, [
        head.append("proceeding", own, "approvals", kind="closing", at=at(50), granted=True),
        proceed(head, own, "close"),
    ])  # fmt: skip


def bodies(own: Terminal, record: str) -> dict[str, Any]:
    own.pull()
    return own.body(record)


def test_the_police_end_a_spill_at_the_roadside(bureau: Bureau, liaison: Terminal) -> None:
    """One officer, 200 yuan, the papers back in the driver's hand: nothing to mark, and nobody has a task."""
    case = new_id()
    assert flagged(liaison, police_penalty(liaison, spilled(liaison), case)) == {}
    assert (defects(bureau, case), tasks(bureau, case)) == ({}, [])


def test_a_warning_ends_it_too(bureau: Bureau, liaison: Terminal) -> None:
    """Law lets the police warn instead."""
    case = new_id()
    warned = police_penalty(liaison, spilled(liaison), case, penalty_kinds=["warn"], amount_fen=None)
    assert flagged(liaison, warned) == {}
    assert defects(bureau, case) == {}


def test_papers_that_were_kept_are_a_defect_until_they_are_returned(bureau: Bureau, liaison: Terminal) -> None:
    """R25: the service is marked, the reviewer has a task; the word that they are back closes both."""
    case = new_id()
    found = flagged(liaison, police_penalty(liaison, spilled(liaison), case, returned=False))
    assert found == {"serve": ["procedure_defect:R25"]}
    assert tasks(bureau, case) == [("R25", "open")]
    liaison.done(liaison.append("case", case, "timeline", step="papers_returned", at=at(20)))
    assert (defects(bureau, case), tasks(bureau, case)) == ({"R25": "cleared"}, [("R25", "closed")])


@pytest.mark.parametrize(
    ("subject", "ground", "flags"),
    [
        ("traffic_police", None, ["procedure_defect:R24"]),
        ("traffic_police", "V4", ["procedure_defect:R24"]),
        ("city_bureau", "D1", ["procedure_defect:R24"]),
        ("traffic_police", "D1", None),
    ],
)
def test_a_spill_is_no_ground_to_hold_a_licence(
    bureau: Bureau, liaison: Terminal, subject: str, ground: str | None, flags: list[str] | None
) -> None:
    """R24: only on one of the five grounds, and only by the police."""
    case, incident = new_id(), spilled(liaison)
    liaison.push(*police_penalty(liaison, incident, case))
    values = {"ground": ground} if ground else {}
    held = liaison.create(
        "measure", incident=incident, case=case, kind="hold_licence", subject=subject, imposed_at=at(5), **values
    )
    [result] = liaison.done(held)
    assert result.get("flags") == flags
    assert ("R24" in defects(bureau, case)) is (flags is not None)


def test_the_city_ends_a_spill_in_the_general_procedure(
    bureau: Bureau, city: Terminal, head: Terminal, reviewer: Terminal, second: str
) -> None:
    """3 000 yuan by the head after legal review, notice, statement and its re-check: no step is marked."""
    case, proceeding = new_id(), new_id()
    assert flagged(city, city_case(city, spilled(city), case, proceeding, second)) == {}
    assert through(city, head, reviewer, proceeding) == {}
    assert bodies(city, proceeding)["status"] == "closed"
    assert (defects(bureau, case), tasks(bureau, case)) == ({}, [])


@pytest.mark.parametrize(("told", "flags"), [(False, {"decide": ["procedure_defect:R40"]}), (True, {})])
def test_a_hearing_is_offered_from_the_configured_amount(
    bureau: Bureau, city: Terminal, head: Terminal, reviewer: Terminal, second: str, told: bool, flags: dict[str, Any]
) -> None:
    """R40: from the bureau's own threshold on a decision without the offer is marked, one with it is not."""
    held = bureau.app.extensions["fieldpost"]
    home = replace(held.home, law={"hearing_citizen_fen": 300000})
    bureau.app.extensions["fieldpost"] = replace(held, home=home)
    case, proceeding = new_id(), new_id()
    city.push(*city_case(city, None, case, proceeding, second))
    if told:
        city.done(
            city.append("proceeding", proceeding, "hearings", act="told", at=at(10)),
            city.append("proceeding", proceeding, "hearings", act="waived", at=at(11)),
        )
    assert through(city, head, reviewer, proceeding) == flags


def test_a_proceeding_that_was_only_filed_has_served_nobody(
    bureau: Bureau, city: Terminal, head: Terminal, second: str
) -> None:
    """立案 is not 备案: opening the general procedure finds no fault with a decision that there is not."""
    case, proceeding = new_id(), new_id()
    city.push(*city_case(city, None, case, proceeding, second))
    assert flagged(head, [proceed(head, proceeding, "file")]) == {}
    head.done(head.append("proceeding", proceeding, "notes", text="演示"))
    assert defects(bureau, case) == {}


def test_the_city_may_not_fine_what_the_police_fined(
    bureau: Bureau, liaison: Terminal, city: Terminal, head: Terminal, reviewer: Terminal, second: str
) -> None:
    """R28: the second fine of an incident is marked, with a task; the first stays lawful, whatever is added to it."""
    incident, stop, case, proceeding = spilled(liaison), new_id(), new_id(), new_id()
    liaison.push(*police_penalty(liaison, incident, stop))
    city.push(*city_case(city, incident, case, proceeding, second))
    found = through(city, head, reviewer, proceeding)
    assert found["decide"] == ["procedure_defect:R28"]
    assert (defects(bureau, case), tasks(bureau, case)) == ({"R28": "open"}, [("R28", "open")])
    liaison.done(liaison.append("case", stop, "timeline", step="slip_given", at=at(55)))
    assert defects(bureau, stop) == {}


def test_the_police_may_not_fine_what_the_city_fined(
    bureau: Bureau, liaison: Terminal, city: Terminal, head: Terminal, reviewer: Terminal, second: str
) -> None:
    """The fine of a proceeding counts as one of its case's incident, and one without a decision does not."""
    incident, stop, case, proceeding = spilled(city), new_id(), new_id(), new_id()
    city.push(*city_case(city, incident, case, proceeding, second))
    warned = police_penalty(liaison, incident, new_id(), penalty_kinds=["warn"], amount_fen=None)
    assert flagged(liaison, warned) == {}
    through(city, head, reviewer, proceeding)
    late = police_penalty(liaison, incident, stop)
    for one in late:
        if one.get("item", {}).get("type") == "D07":
            one["item"]["at"] = at(59)
    assert "procedure_defect:R28" in flagged(liaison, late)["decide"]
    assert defects(bureau, stop)["R28"] == "open"


def test_whoever_asks_first_is_told(liaison: Terminal) -> None:
    """`/law/check` blocks a second fine of an incident before anybody has decided it."""
    facts = {
        "act": {"date": "2026-11-02"}, "case": {"procedure": "summary", "subject": "traffic_police"},
        "party": {"kind": "citizen", "age": 40}, "decision": {"kinds": ["fine"], "amount_fen": 20000},
        "incident": {"other_fines": 0},
    }  # fmt: skip
    asked = liaison.handheld
    assert asked.post("/law/check", {"facts": facts}, headers=asked.bearer).json["allowed"] is True
    facts["incident"] = {"other_fines": 1, "other_fine_fen": 300000}
    answer = asked.post("/law/check", {"facts": facts}, headers=asked.bearer).json
    assert (answer["allowed"], [one["rule"] for one in answer["findings"]]) == (False, ["R28"])
    assert "3000" in answer["findings"][0]["reason"]
