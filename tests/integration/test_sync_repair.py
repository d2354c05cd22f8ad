"""Quarantined operations in a person's hands: tried again, corrected, closed; never lost and never twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from field_api.auth import officers
from sync.store.tables import OperationRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, now


def problem_of(bureau: Bureau, operation: str) -> str | None:
    """The problem as the database can count it."""
    code: str | None = bureau.change(
        lambda session: session.scalar(sa.select(OperationRow.problem).where(OperationRow.id == operation))
    )
    return code


def ask(own: Terminal, operation: str, what: str, **body: Any) -> Any:
    path = f"/api/v1/quarantine/{operation}/{what}"
    return own.handheld.client.post(path, json={"reason": "演示", **body}, headers=own.handheld.bearer)


def test_a_corrected_operation_takes_effect_for_its_author(bureau: Bureau) -> None:
    """A replay with a corrected value applies the operation under its author, and his next pull tells him."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    bad = own.create("case", category="9999", description="kept")
    [refused] = own.send(bad)
    assert refused["outcome"] == "quarantined"
    answer = ask(chief, bad["id"], "replay", set={"category": "0406"})
    assert (answer.status_code, answer.json["outcome"]) == (200, "applied")
    page = own.page()
    assert [(one["id"], one["outcome"]) for one in page["settled"]] == [(bad["id"], "applied")]
    assert own.body(bad["record"])["author"] == own.officer
    assert own.body(bad["record"])["description"] == "kept"
    [again] = own.send(bad)
    assert (again["outcome"], again["duplicate"]) == ("applied", True)
    assert ask(chief, bad["id"], "replay").json["code"] == "not_quarantined"


def test_what_waited_for_it_follows(bureau: Bureau) -> None:
    """A replayed case takes along the photo and the edit that were parked behind it."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    bad = own.create("case", category="9999")
    photo = own.photo(bad["record"], own.officer)
    patch = own.patch("case", bad["record"], {"operation": bad["id"]}, description="behind")
    own.send(bad, photo, patch)
    ask(chief, bad["id"], "replay", set={"category": "0406"})
    outcomes = {one["id"]: one["outcome"] for one in own.page()["settled"]}
    assert outcomes == {bad["id"]: "applied", photo["id"]: "applied", patch["id"]: "applied"}


def test_a_replay_that_still_fails_stays(bureau: Bureau) -> None:
    """Trying again without a correction changes nothing and loses nothing."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    bad = own.create("case", category="9999")
    own.send(bad)
    answer = ask(chief, bad["id"], "replay")
    assert (answer.json["outcome"], answer.json["problem"]["code"]) == ("quarantined", "invalid_field")
    listed = chief.handheld.client.get("/api/v1/quarantine", headers=chief.handheld.bearer).json
    assert [one["id"] for one in listed] == [bad["id"]]
    assert own.page()["settled"] == []


def test_a_dismissed_operation_is_final_with_its_reason(bureau: Bureau) -> None:
    """Its terminal is told that it was dismissed and why; sending it again changes nothing."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    bad = own.create("case", category="9999")
    own.send(bad)
    assert ask(chief, bad["id"], "dismissal").json["outcome"] == "dismissed"
    [settled] = own.page()["settled"]
    assert (settled["outcome"], settled["reason"]) == ("dismissed", "演示")
    [again] = own.send(bad)
    assert (again["outcome"], again["reason"], again["duplicate"]) == ("dismissed", "演示", True)
    own.pull()
    assert bad["record"] not in own.held


def test_what_rests_on_a_dismissed_operation_has_seen_what_that_one_had_seen(bureau: Bureau) -> None:
    """A closed operation hides nothing from its author: what he had read before it is no conflict afterwards."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    case = own.create("case", description="first")
    own.done(case)
    chief.done(chief.patch("case", case["record"], 1, description="of the desk"))
    seen = own.patch("case", case["record"], 2, address="here")
    bad = own.patch("case", case["record"], {"operation": seen["id"]}, category="9999")
    assert [one["outcome"] for one in own.send(seen, bad)] == ["applied", "quarantined"]
    assert ask(chief, bad["id"], "dismissal").json["outcome"] == "dismissed"
    after = own.patch("case", case["record"], {"operation": bad["id"]}, description="of the officer")
    assert own.send(after)[0]["outcome"] == "applied"


def test_only_a_supervisor_of_the_unit_may(bureau: Bureau) -> None:
    """An officer may not, another unit's supervisor finds nothing."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    own, stranger = terminal(bureau, "zhang"), terminal(bureau, "li", "supervisor", unit="u2")
    bad = own.create("case", category="9999")
    own.send(bad)
    for what in ("replay", "dismissal"):
        assert ask(own, bad["id"], what).json["code"] == "not_permitted"
        assert ask(stranger, bad["id"], what).json["code"] == "not_found"
        assert ask(terminal(bureau, f"s-{what}", "supervisor"), new_id(), what).json["code"] == "not_found"


def test_a_reused_id_never_touches_its_first_bearer(bureau: Bureau) -> None:
    """Replaying the second payload under one id leaves the first operation and its record as they are."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    first = own.create("case", description="first")
    own.done(first)
    second = own.create("case", description="second") | {"id": first["id"]}
    [refused] = own.send(second)
    assert refused["problem"]["code"] == "operation_id_reused"
    listed = chief.handheld.client.get("/api/v1/quarantine", headers=chief.handheld.bearer).json
    answer = ask(chief, listed[0]["id"], "replay")
    assert answer.json["outcome"] == "applied"
    own.pull()
    assert own.body(first["record"])["description"] == "first"
    assert own.body(second["record"])["description"] == "second"
    [again] = own.send(first)
    assert (again["outcome"], again["version"], again["duplicate"]) == ("applied", 1, True)


def test_what_the_database_refuses_stays_quarantined(bureau: Bureau) -> None:
    """A correction that breaks a constraint gives a reason, not a failure, and the operation waits on."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    bad = own.create("task", title="演示", for_unit=7)
    [refused] = own.send(bad)
    assert refused["outcome"] == "quarantined"
    task = chief.create("task", title="演示", for_unit=7)
    chief.send(task)
    answer = ask(chief, task["id"], "replay", set={"for_unit": "nowhere"})
    assert (answer.status_code, answer.json["outcome"]) == (200, "quarantined")
    assert answer.json["problem"]["errors"][0]["code"] == "constraint"


def test_a_problem_can_be_counted_while_it_stands(bureau: Bureau) -> None:
    """The code of a quarantined operation is a column, until a person has closed it."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    case = own.create("case", source="patrol")
    own.done(case)
    assert problem_of(bureau, case["id"]) is None
    changed = own.patch("case", case["record"], 1, source="hotline")
    [refused] = own.send(changed)
    assert refused["problem"]["code"] == "write_once_changed"
    assert problem_of(bureau, changed["id"]) == "write_once_changed"
    ask(chief, changed["id"], "dismissal")
    assert problem_of(bureau, changed["id"]) is None


def wait_long(bureau: Bureau, operation: str) -> None:
    """Let an operation have come more than a day ago."""
    old = sa.update(OperationRow).where(OperationRow.id == operation).values(received_at=now() - timedelta(hours=25))
    bureau.change(lambda session: session.execute(old))


def listed(chief: Terminal) -> dict[str, Any]:
    answer = chief.handheld.client.get("/api/v1/quarantine", headers=chief.handheld.bearer)
    return {one["id"]: one for one in answer.json}


def test_what_waits_too_long_calls_for_a_person(bureau: Bureau) -> None:
    """After a day a parked operation is listed with what it waits for; tried again it waits on."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    case = own.create("case")
    photo, young = own.photo(case["record"], own.officer), own.photo(case["record"], own.officer)
    own.send(photo, young)
    assert listed(chief) == {}
    wait_long(bureau, photo["id"])
    found = listed(chief)
    assert found.keys() == {photo["id"]}
    assert (found[photo["id"]]["outcome"], found[photo["id"]]["waits_for"]) == ("parked", [case["record"]])
    assert found[photo["id"]]["problem"] is None
    answer = ask(chief, photo["id"], "replay")
    assert (answer.json["outcome"], answer.json["waits_for"]) == ("parked", [case["record"]])
    assert listed(chief).keys() == {photo["id"]}
    own.done(case)
    assert {one["outcome"] for one in own.page()["settled"]} == {"applied"}


def test_what_waits_in_vain_is_dismissed(bureau: Bureau) -> None:
    """It is final with its reason, waits for nothing any more, and what it waited for comes without it."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    case = own.create("case")
    photo = own.photo(case["record"], own.officer)
    own.send(photo)
    wait_long(bureau, photo["id"])
    assert ask(chief, photo["id"], "dismissal").json["outcome"] == "dismissed"
    assert listed(chief) == {}
    [settled] = own.page()["settled"]
    assert (settled["id"], settled["reason"]) == (photo["id"], "演示")
    own.done(case)
    own.pull()
    assert photo["record"] not in own.held


def test_a_correction_outlasts_waiting(bureau: Bureau) -> None:
    """What was corrected and then has to wait is applied as it was corrected."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    case = own.create("case")
    own.done(case)
    missing = own.patch("case", case["record"], 1, address="first")
    wrong = own.create("incident", category="9999") | {"after": [missing["id"]]}
    own.send(wrong)
    assert ask(chief, wrong["id"], "replay", set={"category": "0406"}).json["outcome"] == "parked"
    own.send(missing)
    own.pull()
    assert own.body(wrong["record"])["category"] == "0406"
