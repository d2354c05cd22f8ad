"""What a terminal receives: everything in its scope, once, in order, with sums that it can check."""

from __future__ import annotations

import random
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Flask

from field_api.auth import officers
from field_api.extensions import db
from sync.store.tables import RecordRow
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau


def _second_unit(bureau: Bureau) -> None:
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))


def test_a_record_created_without_fields_counts_once_in_every_checkpoint(bureau: Bureau) -> None:
    """A create that sets nothing still leaves its version in the history that checkpoints are made of."""
    own = terminal(bureau, "zhang")
    incident = own.create("incident")
    own.done(incident)
    own.pull()
    own.done(own.patch("incident", incident["record"], 1, description="x"))
    own.pull()
    assert own.version(incident["record"]) == 2


def test_a_unit_that_joins_an_incident_gains_all_of_it_and_others_see_nothing(bureau: Bureau) -> None:
    """The second unit's next pull delivers what was there before it joined; a third unit's stays empty."""
    for code in ("u2", "u3"):
        bureau.change(lambda session, code=code: officers.add_unit(session, code, f"演示 {code}"))
    city = terminal(bureau, "zhang")
    police, stranger = terminal(bureau, "wang", "liaison", unit="u2"), terminal(bureau, "zhao", unit="u3")
    incident = city.create("incident")
    case = city.create("case", incident=incident["record"])
    photo = city.photo(case["record"], city.officer)
    city.done(incident, case, photo)
    for one in (city, police, stranger):
        one.pull()
    assert not {incident["record"], case["record"], photo["record"]} & police.held.keys()
    check = police.create("vehicle_check", incident=incident["record"], plate="川A12345")
    police.done(check)
    for one in (city, police):
        one.pull()
        assert {one_["record"] for one_ in (incident, case, photo, check)} <= one.held.keys()
    assert stranger.pull() == []
    [refused] = stranger.send(stranger.patch("case", case["record"], 1, description="x"))
    assert refused["problem"]["code"] == "out_of_scope"


def test_parents_come_before_children_although_they_changed_later(bureau: Bureau) -> None:
    """Page by page of any size, with parents edited after their children were written."""
    own = terminal(bureau, "zhang")
    families = [(own.create("incident"), own.create("case")) for _ in range(8)]
    for incident, case in families:
        case["set"]["incident"] = incident["record"]
        own.done(incident, case, own.photo(case["record"], own.officer))
    for incident, case in reversed(families):
        own.done(own.patch("case", case["record"], 1, description="later"))
        own.done(own.patch("incident", incident["record"], 1, description="later"))
    for limit in (1, 2, 7, 2000):
        reader = Terminal(own.handheld, own.officer)
        reader.pull(limit=limit)
        assert {reader.version(one["record"]) for pair in families for one in pair} == {2}


def test_sums_agree_at_every_checkpoint_whatever_the_page_sizes(bureau: Bureau) -> None:
    """Two terminals edit at random; each page of each size keeps count and sum equal to what is held."""
    dice = random.Random(11)
    crew = [terminal(bureau, "zhang"), terminal(bureau, "wang")]
    records: list[tuple[str, str]] = []
    for _ in range(40):
        own = dice.choice(crew)
        batch = [own.create(dice.choice(["case", "incident"])) for _ in range(dice.randrange(3))]
        batch += [
            own.patch(kind, record, dice.randrange(3), description=str(dice.random()))
            for kind, record in dice.sample(records, min(3, len(records)))
        ]
        records += [(one["type"], one["record"]) for one in batch if one["action"] == "create"]
        own.send(*batch)
        dice.choice(crew).page(limit=dice.choice([1, 2, 5, 500]))
    for own in crew:
        own.pull(limit=dice.choice([1, 3, 2000]))
    assert crew[0].held == crew[1].held


def test_a_pull_with_nothing_new_is_small_and_writes_nothing(bureau: Bureau, app: Flask) -> None:
    """Under 250 bytes, at most four selects, the one that tells who asks among them, and no write."""
    own = terminal(bureau, "zhang")
    own.done(own.create("case"))
    own.pull()
    with app.app_context():
        engine = db.engine
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        answer = own.ask()
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert answer.json["changes"] == []
    assert len(answer.data) < 250
    selects = [one for one in seen if not one.startswith("BEGIN")]
    assert all(one.startswith("SELECT") for one in selects), selects
    assert len(selects) <= 4


def test_auxiliary_staff_neither_see_nor_overwrite_what_is_masked(bureau: Bureau) -> None:
    """A party's number and telephone reach no auxiliary by pull, push or conflict, and he cannot replace them."""
    own, other, helper = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "xiao", "auxiliary")
    party = {"name": "甲", "id_no": "510000197001010019", "phone": "13800000000"}
    case = own.create("case", party=party)
    own.done(case)
    own.done(own.patch("case", case["record"], 1, party=party | {"name": "乙"}))
    other.send(other.patch("case", case["record"], 1, party=party | {"name": "丙"}))
    [change] = helper.pull(lanes=["records"])
    assert change["body"]["party"] == {"name": "乙"}
    assert change["masked"] == ["party.id_no", "party.phone"]
    [refused] = helper.send(helper.patch("case", case["record"], 1, party={"name": "丁"}))
    assert (refused["outcome"], refused["problem"]["code"]) == ("quarantined", "not_permitted")
    conflicts = helper.handheld.client.get("/api/v1/conflicts", headers=helper.handheld.bearer)
    [conflict] = conflicts.json
    assert (conflict["mine"], conflict["theirs"]) == ({"name": "丙"}, {"name": "乙"})
    [made] = helper.send(helper.create("case", party={"name": "戊"}))
    assert made["outcome"] == "applied"
    own.pull()
    assert own.body(case["record"])["party"]["id_no"] == party["id_no"]


def test_a_cursor_serves_its_own_reader_only(bureau: Bureau) -> None:
    """Another officer's or a changed cursor is refused, one made of nothing too."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    own.pull()
    other.cursor = own.cursor
    assert (other.ask().status_code, other.ask().json["code"]) == (410, "cursor_expired")
    for wrong in ("x", "!!!!", "é", own.cursor[:-4], "A" + own.cursor[1:], ""):
        other.cursor = wrong
        assert other.ask().json["code"] in ("cursor_invalid", "envelope_invalid")


def test_reference_data_reaches_every_unit(bureau: Bureau) -> None:
    """Categories and officers come in their own lane, to all, and by the same sums."""
    _second_unit(bureau)
    own = terminal(bureau, "zhao", unit="u2")
    changes = own.pull(lanes=["reference"])
    assert {one["type"] for one in changes} >= {"category", "officer"}
    assert not any("password" in str(one["body"]) for one in changes)
    assert own.pull() == []


def test_lines_say_what_the_object_says(bureau: Bureau) -> None:
    """Asked for lines, a page has a change on each, and the rest of the object on the last."""
    own = terminal(bureau, "zhang")
    own.done(own.create("case"), own.create("case"))
    headers = {**own.handheld.bearer, "Accept": "application/x-ndjson"}
    answer = own.handheld.client.post("/api/v1/sync/pull", json={"cursor": None}, headers=headers)
    assert answer.mimetype == "application/x-ndjson"
    *changes, rest = [orjson.loads(line) for line in answer.data.splitlines()]
    page = own.ask().json
    assert changes == page.pop("changes")
    assert rest == page


def test_a_page_is_bounded_in_bytes_too(bureau: Bureau) -> None:
    """Large bodies make smaller pages, of one record at least, and all arrive; a repair's pages are bounded alike."""
    own = terminal(bureau, "zhang")
    cases = [own.create("case") for _ in range(7)]
    own.done(*cases)
    large = orjson.dumps({"description": "x" * 1_000_000}).decode()
    ids = [one["record"] for one in cases]
    bureau.change(
        lambda session: session.execute(sa.update(RecordRow).where(RecordRow.id.in_(ids)).values(body=large))
    )
    reader = Terminal(own.handheld, own.officer)
    sizes, more = [], True
    while more:
        page = reader.page(limit=2000)
        sizes.append(sum(one["type"] == "case" for one in page["changes"]))
        more = page["more"]
    assert sum(sizes) == 7
    assert max(sizes) < 5
    sound = dict(reader.held)
    reader.held = {record: held for record, held in sound.items() if record not in ids}
    reader.repair()
    assert reader.held == sound
