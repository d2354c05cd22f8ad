"""The register of parties, from cases that terminals push to look-ups, merges and the log of who saw what."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.casework.models import Case
from field_api.casework.parties.models import Party, PartyCase, PartyKey, Unmasking
from field_api.casework.sets import shelf
from field_api.extensions import db
from tests.integration.field import Terminal, instant, terminal
from tests.integration.people import Bureau, Console, problem
from tests.unit.test_law_identifiers import id_card, uscc

NUMBER, OTHER_NUMBER = id_card("51140219900307123"), id_card("51140219900307124")
PHONE = "13800000000"


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "zhang")


@pytest.fixture
def desk(bureau: Bureau) -> Console:
    return bureau.console("chen", "supervisor")


def registered(own: Terminal, party: dict[str, Any], **values: Any) -> str:
    """A registered case of a party."""
    case = own.create("case", party=party, **values)
    own.done(case, own.step(case["record"], "register", {"operation": case["id"]}))
    return str(case["record"])


def decided(own: Terminal, party: dict[str, Any], at: str, **values: Any) -> str:
    """A case with a decision of this time."""
    record = registered(own, party, **values)
    for event in ("investigate", "notify"):
        own.done(own.step(record, event))
    own.done(own.append("case", record, "documents", type="D07", at=at))
    own.done(own.step(record, "decide"))
    return record


def party_of(app: Flask, case: str) -> str | None:
    with app.app_context():
        found = db.session().scalar(sa.select(PartyCase.party).where(PartyCase.case == case))
        db.session.remove()
    return found


def history_count(app: Flask) -> int:
    with app.app_context():
        count = shelf.difference(db.session(), "history", None).count
        db.session.remove()
    return count


def search(desk: Console, **asked: str) -> list[dict[str, Any]]:
    answer = desk.post("/parties/search", asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json)


def test_one_number_is_one_party_in_one_push_and_in_many(app: Flask, own: Terminal) -> None:
    """A draft registers nobody; two cases of one batch and one later share the party; another number is another."""
    party = {"name": "演示甲", "id_no": NUMBER}
    draft = own.create("case", party=party)
    own.done(draft)
    assert party_of(app, draft["record"]) is None
    creates = [own.create("case", party=party) for _ in range(2)]
    steps = [own.step(one["record"], "register", {"operation": one["id"]}) for one in creates]
    own.done(*creates, *steps)
    later, other = registered(own, {"id_no": NUMBER}), registered(own, party | {"id_no": OTHER_NUMBER})
    found = [party_of(app, case) for case in (creates[0]["record"], creates[1]["record"], later, other)]
    assert None not in found
    assert len({*found[:3]}) == 1
    assert found[3] != found[0]


def test_namesakes_are_not_taken_for_each_other(app: Flask, own: Terminal) -> None:
    """A name alone makes a new party each time; with the same shop, and no number, it is one."""
    shop = {"name": "演示乙", "shop_name": "演示小店"}
    parties: list[dict[str, Any]] = [{"name": "演示乙"}, {"name": "演示乙"}, shop, shop, shop | {"id_no": NUMBER}]
    found = [party_of(app, registered(own, party)) for party in parties]
    assert found[2] == found[3]
    assert len(set(found)) == 4


def test_a_party_that_is_corrected_moves_its_case(app: Flask, own: Terminal) -> None:
    """After a wrong number was corrected the case is the other party's; voiding takes it out of the register."""
    case = registered(own, {"id_no": NUMBER})
    before = party_of(app, case)
    own.pull()
    own.done(own.patch("case", case, own.held[case][1], party={"id_no": OTHER_NUMBER}))
    assert party_of(app, case) not in (None, before)
    own.pull()
    own.done(own.void("case", case, own.held[case][1]))
    assert party_of(app, case) is None


def test_no_number_of_a_person_stands_in_the_register_or_the_mirror_in_clear(app: Flask, own: Terminal) -> None:
    """Neither the register's rows nor the typed row of the case hold the number or the telephone."""
    case = registered(own, {"name": "演示甲", "id_no": NUMBER, "phone": PHONE})
    with app.app_context():
        session = db.session()
        tables = (Party.__table__, PartyKey.__table__)
        rows = [row for table in tables for row in session.execute(sa.select(*table.columns))]
        mirrored = session.scalar(sa.select(Case.party).where(Case.id == case))
        db.session.remove()
    told = orjson.dumps([[str(value) for value in row] for row in rows]).decode()
    assert len(rows) == 3
    assert NUMBER not in told
    assert PHONE not in told
    assert mirrored == {"name": "演示甲"}
    own.pull()
    assert own.body(case)["party"]["id_no"] == NUMBER


def test_a_party_is_found_by_each_of_its_numbers_and_shown_masked(
    own: Terminal, desk: Console, bureau: Bureau
) -> None:
    """By number in small letters, telephone with the country's code, plate with a dot, name and shop; masked."""
    code = uscc("91511402000000000")
    registered(own, {"name": "演示甲", "id_no": NUMBER, "phone": PHONE, "shop_name": "演示小店", "uscc": code},
               plates=["川Z00000"])  # fmt: skip
    for asked in ({"id_no": NUMBER.lower()}, {"uscc": code}, {"phone": f"+86 {PHONE}"}, {"plate": "川Z·00000"},
                  {"name": "演示甲", "shop_name": "演示小店"}):  # fmt: skip
        [found] = search(desk, **asked)
        assert (found["name"], found["phone"]) == ("演示甲", "138******00")
        assert found["id_no"] == f"{NUMBER[:4]}{'*' * 12}{NUMBER[-2:]}"
    assert search(desk, phone="13900000000") == []
    assert problem(desk.post("/parties/search", {"name": "演示甲"})) == (422, "envelope_invalid")
    helper = bureau.signed_in("hua", "auxiliary")
    answer = helper.client.post("/api/v1/parties/search", json={"phone": PHONE}, headers=helper.bearer)
    assert [(one["id_no"], one["phone"]) for one in answer.json] == [(None, None)]
    dispatcher = bureau.console("du", "dispatcher")
    assert problem(dispatcher.post("/parties/search", {"phone": PHONE})) == (403, "not_permitted")


def test_a_first_offence_is_told_by_decisions_of_the_look_back(app: Flask, own: Terminal, desk: Console) -> None:
    """A registered case is no decision; one of today is; one of three years ago is not; the violation is asked for."""
    party = {"name": "演示甲", "id_no": NUMBER}
    registered(own, party)
    [found] = search(desk, id_no=NUMBER)
    path = f"/api/v1/parties/{found['id']}"
    assert desk.client.get(path).json["first_offence"] is True
    decided(own, party, "2022-11-22T10:00:00.000+08:00")
    assert desk.client.get(path).json["first_offence"] is True
    assert history_count(app) == 1
    decided(own, party, instant(), violations=["DEMO-1"])
    shown = desk.client.get(path).json
    assert (shown["first_offence"], len(shown["cases"]), shown["look_back_days"]) == (False, 3, 730)
    assert desk.client.get(f"{path}?violation=DEMO-2").json["first_offence"] is True
    assert desk.client.get(f"{path}?violation=DEMO-1").json["first_offence"] is False
    assert history_count(app) == 2


def test_nobody_says_first_of_somebody_without_a_number(own: Terminal, desk: Console) -> None:
    """Who may be another's namesake has no known history."""
    registered(own, {"name": "演示乙", "shop_name": "演示小店"})
    [found] = search(desk, name="演示乙", shop_name="演示小店")
    assert desk.client.get(f"/api/v1/parties/{found['id']}").json["first_offence"] is None


def test_two_parties_that_are_one_are_listed_and_merged(app: Flask, own: Terminal, desk: Console) -> None:
    """The same telephone lists both; merged, either id shows the one with all cases, and new cases come to it."""
    one = registered(own, {"name": "演示甲", "id_no": NUMBER, "phone": PHONE})
    two = registered(own, {"name": "演示乙", "id_no": OTHER_NUMBER, "phone": PHONE})
    first, second = party_of(app, one), party_of(app, two)
    [listed] = desk.client.get("/api/v1/parties/duplicates").json
    assert (listed["by"], {party["id"] for party in listed["parties"]}) == ("phone", {first, second})
    assert desk.post(f"/parties/{second}/merge", {"into": first}).json == {"id": first}
    assert desk.client.get("/api/v1/parties/duplicates").json == []
    shown = desk.client.get(f"/api/v1/parties/{second}").json
    assert (shown["id"], {case["case"] for case in shown["cases"]}) == (first, {one, two})
    assert party_of(app, registered(own, {"id_no": OTHER_NUMBER})) == first
    for into in (first, second):
        assert problem(desk.post(f"/parties/{second}/merge", {"into": into})) == (409, "already_merged")
    assert problem(desk.post(f"/parties/{first}/merge", {"into": second})) == (409, "already_merged")
    assert problem(desk.post(f"/parties/{one}/merge", {"into": first})) == (404, "not_found")
    officer = own.handheld.client.get("/api/v1/parties/duplicates", headers=own.handheld.bearer)
    assert problem(officer) == (403, "not_permitted")


def test_every_look_at_a_number_is_kept_with_its_reason(
    app: Flask, own: Terminal, desk: Console, bureau: Bureau
) -> None:
    """Supervisors and the unit's own officers see it, others do not; who, when and why stands for ever."""
    case = registered(own, {"name": "演示甲", "id_no": NUMBER, "phone": PHONE})
    party = party_of(app, case)
    assert desk.post(f"/parties/{party}/unmask", {"reason": "核对送达地址"}).json == {
        "id": party, "id_no": NUMBER, "phone": PHONE,
    }  # fmt: skip
    path = f"/api/v1/parties/{party}/unmask"
    answer = own.handheld.client.post(path, json={"reason": "现场核对"}, headers=own.handheld.bearer)
    assert answer.status_code == 200
    assert problem(desk.post(f"/parties/{party}/unmask", {"reason": ""})) == (422, "envelope_invalid")
    stranger = bureau.signed_in("sun", "auxiliary")
    refused = stranger.client.post(path, json={"reason": "好奇"}, headers=stranger.bearer)
    assert problem(refused) == (403, "not_permitted")
    with app.app_context():
        reasons = list(db.session().scalars(sa.select(Unmasking.reason).order_by(Unmasking.id)))
        db.session.remove()
    assert reasons == ["核对送达地址", "现场核对"]


def test_a_case_that_is_voided_leaves_the_history_unless_another_brings_the_same(app: Flask, own: Terminal) -> None:
    """Two decisions of one day for one violation are one entry; it goes with the second of them."""
    cases = [decided(own, {"id_no": NUMBER}, "2026-11-20T10:00:00.000+08:00") for _ in range(2)]
    for case, left in zip(cases, (1, 0), strict=True):
        assert history_count(app) == 1
        own.pull()
        own.done(own.void("case", case, own.held[case][1]))
        assert history_count(app) == left
