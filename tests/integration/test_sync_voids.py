"""Voids and discards: nothing is deleted, what was voided says why, and nothing brings it back."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from field_api.auth import officers
from field_api.casework import server
from field_api.casework.delivery import candidates
from field_api.casework.models import Case
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store.outbox import OutboxRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, now


def made(own: Terminal, **values: Any) -> str:
    """A case that the server has."""
    case = own.create("case", **values)
    own.done(case)
    return str(case["record"])


def write(bureau: Bureau, record_type: str, record: str, **values: Any) -> None:
    """The server's own word on a record."""
    patch = own_operation(server.patch(record_type, record, values, now()))
    bureau.change(lambda session: Workspace(session, bureau.home, now()).apply([patch]))


def conflicts(chief: Terminal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chief.handheld.client.get("/api/v1/conflicts", headers=chief.handheld.bearer).json
    return found


def settle(chief: Terminal, conflict: str, keep: str) -> Any:
    body = {"id": new_id(), "keep": keep, "reason": "演示"}
    path = f"/api/v1/conflicts/{conflict}/resolution"
    return chief.handheld.client.post(path, json=body, headers=chief.handheld.bearer)


def test_a_voided_record_reaches_everybody_with_its_reason(bureau: Bureau) -> None:
    """Version and reason arrive in the next pull, sums match, and voiding again with that reason is unchanged."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    record = made(own)
    other.pull()
    void = own.void("case", record, 1, "entered twice")
    [result] = own.send(void)
    assert (result["outcome"], result["version"]) == ("applied", 2)
    [change] = [one for one in other.pull() if one["record"] == record]
    assert change == {"action": "void", "type": "case", "record": record, "version": 2, "reason": "entered twice"}
    assert own.send(void) == [result | {"duplicate": True}]
    [again] = own.send(own.void("case", record, 2, "entered twice"))
    assert (again["outcome"], again["version"]) == ("unchanged", 2)
    fresh = terminal(bureau, "li")
    fresh.pull()
    assert fresh.voided[record] == "entered twice"


def test_a_case_that_was_registered_has_its_number_though_it_is_void(bureau: Bureau) -> None:
    """However the steps share batches; a voided draft has none."""
    own = terminal(bureau, "zhang")
    numbers = []
    for splits in ((3,), (2, 1), (1, 2)):
        create = own.create("case")
        record = create["record"]
        steps = [create, own.step(record, "register", 1), own.void("case", record, 2)]
        for size in splits:
            own.done(*steps[:size])
            del steps[:size]
        own.pull()
        assert own.voided[record] == "演示"
        numbers.append(number_of(bureau, record))
    assert len({*numbers, None}) == 4
    draft = made(own)
    own.done(own.void("case", draft, 1))
    assert number_of(bureau, draft) is None


def number_of(bureau: Bureau, record: str) -> str | None:
    number: str | None = bureau.change(lambda session: session.scalar(sa.select(Case.case_no).where(Case.id == record)))
    return number


def test_an_edit_after_a_void_is_kept_for_a_supervisor(bureau: Bureau) -> None:
    """Nothing of it is applied; one conflict shows the edit and the reason, and only the void can stand."""
    own, other, chief = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "shen", "supervisor")
    record = made(own)
    own.done(own.void("case", record, 1))
    edits = [
        other.patch("case", record, 1, description="late"),
        other.step(record, "register", 1),
        other.append("case", record, "notes", text="late"),
    ]
    results = other.send(*edits)
    assert [one["outcome"] for one in results] == ["proposed"] * 3
    assert results[0]["fields"] == {"description": "proposed"}
    assert other.send(*edits) == [one | {"duplicate": True} for one in results]
    found = conflicts(chief)
    assert [one["mine"]["action"] for one in found] == ["patch", "transition", "append"]
    assert found[0]["mine"]["set"] == {"description": "late"}
    assert {(one["field"], one["class"], one["theirs"], one["kept"]) for one in found} == {
        ("void", "state", "演示", "server")
    }
    assert found[0]["by"] == {"mine": other.officer, "theirs": own.officer}
    assert settle(chief, found[0]["id"], "mine").json["code"] == "invalid_field"
    assert settle(chief, found[0]["id"], "theirs").json["state"] == "resolved"
    own.pull()
    assert own.version(record) == 2


def test_masked_parts_stay_masked_in_an_edit_that_met_a_void(bureau: Bureau) -> None:
    """Auxiliary staff do not read in a conflict what the record itself withholds."""
    own, other, auxiliary = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "x", "auxiliary")
    record = made(own)
    own.done(own.void("case", record, 1))
    other.send(other.patch("case", record, 1, party={"name": "演示", "id_no": "511402"}))
    [found] = conflicts(auxiliary)
    assert found["mine"]["set"] == {"party": {"name": "演示"}}


def test_a_void_does_not_pass_over_what_its_author_has_not_seen(bureau: Bureau) -> None:
    """A colleague's note since the base makes it a proposal, which a supervisor lets go or not; his own stands."""
    own, other, chief = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "shen", "supervisor")
    first, second, third = made(own), made(own), made(own)
    for record in (first, second, third):
        other.done(other.append("case", record, "notes", text="seen on the spot"))
    results = own.send(own.void("case", first, 1, "mistaken"), own.void("case", second, 1))
    assert [one["outcome"] for one in results] == ["proposed"] * 2
    found = conflicts(chief)
    assert [(one["mine"]["reason"], one["theirs"]) for one in found] == [("mistaken", None), ("演示", None)]
    assert settle(chief, found[0]["id"], "mine").json["state"] == "resolved"
    assert settle(chief, found[1]["id"], "theirs").json["state"] == "resolved"
    own.pull()
    assert own.voided[first] == "mistaken"
    assert "void" not in own.body(second)
    own.done(own.void("case", second, own.version(second)))
    chief.done(chief.void("case", third, 1))


def test_who_may_void(bureau: Bureau) -> None:
    """An author his own until review has begun, a supervisor always, nobody what the server publishes."""
    own, other, chief = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "shen", "supervisor")
    record = made(own)
    photo = own.photo(record, own.officer)
    own.done(photo)
    for attempt in (other.void("case", record, 1), other.void("evidence", photo["record"], 1)):
        [refused] = other.send(attempt)
        assert refused["problem"]["code"] == "not_permitted"
    write(bureau, "case", record, review="under_review")
    own.pull()
    for attempt in (own.void("case", record, 2), own.void("evidence", photo["record"], 1)):
        [refused] = own.send(attempt)
        assert refused["problem"]["code"] == "not_permitted"
    chief.done(chief.void("evidence", photo["record"], 1), chief.void("case", record, 2))
    chief.pull()
    category = next(record for record, held in chief.held.items() if held[0] == "category")
    [refused] = chief.send(chief.void("category", category, 1))
    assert refused["outcome"] == "quarantined"


def test_an_element_is_marked_and_stays(bureau: Bureau) -> None:
    """Its author voids it before review; the list keeps it with why, who and when, and appending again is unchanged."""
    own, other, chief = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "shen", "supervisor")
    record = made(own)
    note, kept = (own.append("case", record, "notes", text=text) for text in ("wrong", "right"))
    own.done(note, kept)
    void = {"list": "notes", "item": note["item"]["id"]}
    [refused] = other.send(other.void("case", record, 3, **void))
    assert refused["problem"]["code"] == "not_permitted"
    mark = own.void("case", record, 3, "wrong case", **void)
    [result] = own.send(mark)
    assert (result["outcome"], result["version"]) == ("applied", 4)
    again = own.append("case", record, "notes") | {"item": note["item"]}
    late = own.void("case", record, 4, "wrong case", **void)
    assert [one["outcome"] for one in own.send(again, late)] == ["unchanged", "unchanged"]
    own.pull()
    first, second = own.body(record)["notes"]
    assert first["text"] == "wrong"
    assert first["void"] == {"reason": "wrong case", "by": own.officer, "at": mark["at"]}
    assert "void" not in second
    write(bureau, "case", record, review="under_review")
    void = {"list": "notes", "item": kept["item"]["id"]}
    [refused] = own.send(own.void("case", record, 5, **void))
    assert refused["problem"]["code"] == "not_permitted"
    chief.done(chief.void("case", record, 5, **void))


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"reason": 7}, "/reason"),
        ({"list": "nowhere", "item": new_id()}, "/list"),
        ({"list": "notes"}, "/item"),
        ({"item": new_id()}, "/item"),
        ({"list": "notes", "item": "x"}, "/item"),
        ({"list": "notes", "item": new_id()}, "/item"),
    ],
)
def test_a_void_says_why_and_what(bureau: Bureau, parts: dict[str, Any], pointer: str) -> None:
    """A void without a reason, or of what is not there, is quarantined and points at what is wrong."""
    own = terminal(bureau, "zhang")
    [refused] = own.send(own.void("case", made(own), 1) | parts)
    assert (refused["problem"]["code"], refused["problem"]["errors"][0]["pointer"]) == ("invalid_field", pointer)


def test_a_draft_is_discarded_and_stays_away(bureau: Bureau) -> None:
    """Its author drops it; its photo stays, and neither an old edit nor creating it anew brings it back."""
    own, stale = terminal(bureau, "zhang"), terminal(bureau, "wang")
    case = own.create("case")
    photo = own.photo(case["record"], own.officer)
    own.done(case, photo)
    discard = own.operation("discard", "case", case["record"], base=1)
    [result] = own.send(discard)
    assert (result["outcome"], result["version"]) == ("applied", 2)
    again = own.operation("discard", "case", case["record"], base=2)
    assert [one["outcome"] for one in own.send(discard, again)] == ["applied", "unchanged"]
    own.pull()
    assert own.voided[case["record"]] == "discarded"
    assert "void" not in own.body(photo["record"])
    results = own.send(
        stale.create("case", record=case["record"], description="back") | {"number": 99},
        own.photo(case["record"], own.officer),
    )
    assert [one["outcome"] for one in results] == ["quarantined", "applied"]


def test_only_an_own_untouched_draft_is_discarded(bureau: Bureau) -> None:
    """Not another's, not a registered one, not one that a colleague has written to, nor what has no draft at all."""
    own, other, chief = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "shen", "supervisor")
    registered, touched, plain = made(own), made(own), made(own)
    own.done(own.step(registered, "register", 1))
    other.done(other.append("case", touched, "notes", text="演示"))
    incident = own.create("incident")
    own.done(incident)
    attempts = [
        (own, "case", registered), (own, "case", touched), (other, "case", plain), (chief, "case", plain),
        (own, "incident", incident["record"]),
    ]  # fmt: skip
    for who, record_type, record in attempts:
        [refused] = who.send(who.operation("discard", record_type, record, base=9 if record == touched else 1))
        if record == touched:
            assert refused["outcome"] == "parked"
            [refused] = who.send(who.operation("discard", record_type, record, base=2))
        assert refused["problem"]["code"] == "not_permitted"


def test_a_voided_case_is_not_delivered(bureau: Bureau) -> None:
    """Its outbox row is cancelled and its delivery taken back; a voided photo holds no case back."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    record = made(own, description="演示")
    photo = own.photo(record, own.officer)
    own.done(photo)
    write(bureau, "case", record, status="closed", review="passed")
    assert bureau.change(lambda session: session.scalar(sa.select(OutboxRow.state))) is None
    chief.done(chief.void("evidence", photo["record"], 1))
    states = bureau.change(lambda session: list(session.scalars(sa.select(OutboxRow.state))))
    assert states == ["waiting"]
    own.pull()
    assert own.body(record)["delivery"] == "waiting"
    chief.done(chief.void("case", record, own.version(record)))
    states = bureau.change(lambda session: list(session.scalars(sa.select(OutboxRow.state))))
    assert states == ["cancelled"]
    write(bureau, "case", record, description="the server may still write")
    assert bureau.change(lambda session: candidates(session, [record])) == []


def test_a_passed_photo_that_is_voided_takes_its_case_back_to_review(bureau: Bureau) -> None:
    """What the verdict rested on is gone: the case is judged again, and its delivery stops."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    record = made(own, description="演示")
    photo = own.photo(record, own.officer)
    own.done(photo)
    write(bureau, "evidence", photo["record"], bytes="verified", review="passed")
    write(bureau, "case", record, status="closed", review="passed")
    chief.done(chief.void("evidence", photo["record"], 2))
    own.pull()
    assert (own.body(record)["review"], own.body(record)["delivery"]) == ("under_review", "none")


def test_a_void_out_of_scope_is_refused(bureau: Bureau) -> None:
    """Another unit's supervisor voids nothing here."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    own, stranger = terminal(bureau, "zhang"), terminal(bureau, "li", "supervisor", unit="u2")
    [refused] = stranger.send(stranger.void("case", made(own), 1))
    assert refused["problem"]["code"] == "out_of_scope"
