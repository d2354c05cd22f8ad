"""What fields say together, at the door: refused where it cannot be, doubted where it is odd, else let through."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.casework import doubts
from field_api.extensions import db
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau
from tests.unit.test_law_identifiers import id_card

CHILD = id_card("51140220130102123")
GROWN = id_card("51140219900307123")
AT = "2026-11-22T10:00:00.000+08:00"


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "zhang")


@pytest.fixture
def police(bureau: Bureau) -> Terminal:
    return terminal(bureau, "wang", "liaison")


def fault(result: dict[str, Any]) -> tuple[str, str]:
    assert result["outcome"] == "quarantined", result
    [error] = result["problem"]["errors"]
    return error["pointer"], error["code"]


def doubted(app: Flask, record: str) -> set[tuple[str, str]]:
    with app.app_context():
        found = {(one.field, one.code) for one in doubts.of(db.session(), [record]).get(record, [])}
        db.session.remove()
    return found


def dated(operation: dict[str, Any], at: str = AT) -> dict[str, Any]:
    return operation | {"at": at}


@pytest.mark.parametrize(
    ("at", "happened", "expected"),
    [
        (AT, "2026-11-22T10:04:59.000+08:00", None),
        (AT, "2026-11-22T10:05:01.000+08:00", ("/set/occurred_at", "in_the_future")),
        (AT, "2021-07-15T00:00:00.000+08:00", None),
        (AT, "2021-07-14T23:59:59.000+08:00", ("/set/occurred_at", "before_the_law")),
        # A device whose clock fell back to its first day says so twice, and is believed.
        ("1970-01-01T08:00:00.000+08:00", "1970-01-01T08:00:00.000+08:00", None),
    ],
)
def test_what_happened_lies_between_the_law_and_the_writing(
    own: Terminal, at: str, happened: str, expected: tuple[str, str] | None
) -> None:
    """Both times are the device's: a wrong clock alone refuses nothing."""
    [result] = own.send(dated(own.create("case", occurred_at=happened), at))
    assert (fault(result) if expected else None) == expected
    assert expected or result["outcome"] == "applied"


def test_a_child_is_not_fined_however_the_two_come_together(own: Terminal) -> None:
    """In one operation, in two of one batch, or in two pushes: the fine is refused with the rule, the child stands."""
    [at_once] = own.send(dated(own.create("case", party={"id_no": CHILD}, amount_fen=5000)))
    assert fault(at_once) == ("/set/amount_fen", "party_under_14")
    assert "R29" in at_once["problem"]["errors"][0]["message"]
    case = own.create("case", party={"id_no": CHILD})
    applied, refused = own.send(dated(case), dated(own.patch("case", case["record"], 1, amount_fen=5000)))
    assert applied["outcome"] == "applied"
    assert fault(refused) == ("/set/amount_fen", "party_under_14")
    [later] = own.send(dated(own.patch("case", case["record"], 1, amount_fen=5000)))
    assert fault(later) == ("/set/amount_fen", "party_under_14")
    [none] = own.send(dated(own.patch("case", case["record"], 1, amount_fen=0)))
    assert none["outcome"] == "applied"


def test_a_fined_party_who_turns_out_a_child_is_refused_too(own: Terminal) -> None:
    """The age is that of the act: the day after his fourteenth birthday he may be fined."""
    case = own.create("case", amount_fen=5000, occurred_at="2026-11-22T09:00:00.000+08:00")
    own.done(dated(case))
    for head, expected in (("51140220121122123", "quarantined"), ("51140220121121123", "applied")):
        [result] = own.send(dated(own.patch("case", case["record"], 1, party={"id_no": id_card(head)})))
        assert result["outcome"] == expected, head
    own.pull()
    assert own.body(case["record"])["party"] == {"id_no": id_card("51140220121121123")}


def test_nobody_is_written_down_before_he_is_born(own: Terminal) -> None:
    """The identity number is valid by itself, and of somebody who is not there yet."""
    [result] = own.send(dated(own.create("case", party={"id_no": id_card("51140220270101123")})))
    assert fault(result) == ("/set/party/id_no", "id_card_birth")


def test_a_plate_is_demanded_only_where_it_can_be_read(police: Terminal) -> None:
    """An impossible plate is refused; the same signs of a covered one stand, and no plate needs none."""
    [refused] = police.send(dated(police.create("vehicle_check", plate="川Z00", plate_state="normal")))
    assert fault(refused) == ("/set/plate", "plate_impossible")
    covered = police.create("vehicle_check", plate="川Z00", plate_state="covered")
    [stands, none] = police.send(dated(covered), dated(police.create("vehicle_check", plate_state="none")))
    assert {stands["outcome"], none["outcome"]} == {"applied"}
    [more] = police.send(dated(police.patch("vehicle_check", covered["record"], 1, plate="川Z000")))
    assert more["outcome"] == "applied"
    [trailer] = police.send(dated(police.create("vehicle_check", plate="川Z00000", trailer_plate="川Z000挂")))
    assert fault(trailer) == ("/set/trailer_plate", "plate_impossible")


def test_a_refused_operation_is_kept_whole_and_can_be_let_through_by_a_person(bureau: Bureau, own: Terminal) -> None:
    """What was written stays in the inbox to the letter; a supervisor who knows better replays it as it is."""
    operation = dated(own.create("case", occurred_at="2020-01-01T10:00:00.000+08:00"))
    [result] = own.send(operation)
    assert result["outcome"] == "quarantined"
    supervisor = bureau.console("chen", "supervisor")
    answer = supervisor.post(f"/quarantine/{operation['id']}/replay", {"reason": "查证属实"})
    assert answer.status_code == 200, answer.text
    assert answer.json["outcome"] == "applied"


def test_what_is_odd_stands_and_is_noted_until_it_is_mended(app: Flask, own: Terminal, police: Terminal) -> None:
    """Just beyond the border, of another kind or colour: applied, doubted, and cleared by the correction."""
    place = {"lng": 104.6, "lat": 30.0, "coord_sys": "wgs84"}
    case = own.create("case", position=place, party={"id_no": GROWN, "birth": "1991-01-01"})
    own.done(dated(case))
    assert doubted(app, case["record"]) == {("position", "outside_city"), ("party", "birth_differs")}
    own.done(dated(own.patch("case", case["record"], 1, position=place | {"lng": 104.4})))
    assert doubted(app, case["record"]) == {("party", "birth_differs")}
    check = police.create("vehicle_check", plate="川Z0000挂", plate_kind="02", trailer_plate="川Z0001挂",
                          trailer_plate_kind="15")  # fmt: skip
    police.done(dated(check))
    assert doubted(app, check["record"]) == {("plate", "plate_kind_differs")}
    police.done(dated(police.patch("vehicle_check", check["record"], 1, plate_kind="15", plate_colour="蓝")))
    assert doubted(app, check["record"]) == {("plate", "plate_colour_differs")}


def test_a_photo_whose_position_is_the_cases_in_another_system_is_doubted(app: Flask, own: Terminal) -> None:
    """The shift of the maps is recognised, in the same push and in a later one; a right photo is not doubted."""
    case = own.create("case", position={"lng": 103.84, "lat": 30.05, "coord_sys": "wgs84"})
    shifted = {"lng": 103.8421165, "lat": 30.0471937}
    wrong = own.photo(case["record"], own.officer, position={**shifted, "coord_sys": "wgs84"})
    own.done(dated(case), dated(wrong))
    right = own.photo(case["record"], own.officer, sha256="b" * 64, position={**shifted, "coord_sys": "gcj02"})
    own.done(dated(right))
    assert doubted(app, wrong["record"]) == {("position", "other_system")}
    assert doubted(app, right["record"]) == set()
    with app.app_context():
        assert db.session().scalar(sa.select(sa.func.count()).select_from(doubts.Doubt)) == 1
        db.session.remove()
