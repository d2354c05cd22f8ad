"""From a closed case to the outbox: verdicts, who may give them, and exactly when a delivery is written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import delivery, evidence
from sync.store import outbox
from sync.store.outbox import OutboxRow
from tests.integration.field import OTHER_CATEGORY, SHA, Terminal, new_id, terminal
from tests.integration.people import Bureau, now


class Desk:
    """An officer with a finished case, and the supervisor who judges it."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        self.home = bureau.app.extensions["fieldpost"].home
        self.officer = terminal(bureau, "zhang")
        self.supervisor = terminal(bureau, "li", "supervisor")
        made = self.officer.create("case", description="x")
        self.case: str = made["record"]
        self.officer.done(made)

    def photo(self, **changed: Any) -> str:
        made = self.officer.photo(self.case, self.officer.officer, **changed)
        self.officer.done(made)
        return str(made["record"])

    def close(self) -> None:
        steps = ("register", "investigate", "advise", "close")
        self.officer.done(*(self.officer.step(self.case, event) for event in steps))

    def bytes_arrive(self, sha256: str = SHA) -> None:
        self.bureau.change(lambda session: evidence.arrived(session, self.home, sha256, 1000, now()))

    def verdict(self, kind: str, record: str, verdict: str, own: Terminal | None = None, **more: Any) -> dict[str, Any]:
        by = own or self.supervisor
        body = {"id": new_id(), "verdict": verdict, "reason": "核对"} | more
        answer = by.handheld.client.post(f"/api/v1/{kind}/{record}/reviews", json=body, headers=by.handheld.bearer)
        return {"status": answer.status_code} | answer.json

    def pass_all(self, *photos: str) -> None:
        assert [self.verdict("evidence", one, "passed")["status"] for one in photos] == [200] * len(photos)
        assert self.verdict("cases", self.case, "passed")["status"] == 200

    def rows(self, *states: str) -> list[Any]:
        query = sa.select(*OutboxRow.__table__.columns).where(
            OutboxRow.kind == delivery.KIND, OutboxRow.subject == self.case
        )
        rows = self.bureau.change(lambda session: session.execute(query.order_by(OutboxRow.version)).all())
        return [row for row in rows if row.state in (states or ("waiting",))]

    def body(self) -> dict[str, Any]:
        self.officer.pull()
        return self.officer.body(self.case)


def test_a_delivery_is_written_when_all_three_conditions_hold_and_not_before(bureau: Bureau) -> None:
    """Closed, review passed, all evidence verified and passed; the row holds the case's version and its numbers."""
    desk = Desk(bureau)
    photo = desk.photo()
    desk.close()
    assert (desk.body()["review"], desk.rows()) == ("under_review", [])
    assert desk.verdict("cases", desk.case, "passed")["status"] == 200
    assert desk.rows() == []
    assert desk.verdict("evidence", photo, "passed")["code"] == "evidence_not_ready"
    desk.bytes_arrive()
    assert (desk.rows(), desk.body()["delivery"]) == ([], "none")
    assert desk.verdict("evidence", photo, "passed")["status"] == 200
    [row] = desk.rows()
    body = desk.body()
    assert body["delivery"] == "waiting"
    assert (row.key, row.version) == (f"{desk.case}:{row.version}", desk.officer.version(desk.case))
    parcel = orjson.loads(row.payload)
    assert (parcel["case"], parcel["version"], parcel["case_no"]) == (desk.case, row.version, body["case_no"])
    assert [one["sha256"] for one in parcel["evidence"]] == [SHA]


def test_the_order_of_the_conditions_does_not_matter(bureau: Bureau) -> None:
    """Photos passed before the case is closed: the case's own verdict writes the one row."""
    desk = Desk(bureau)
    desk.bytes_arrive()
    photo = desk.photo()
    desk.bytes_arrive()
    assert desk.verdict("evidence", photo, "passed")["status"] == 200
    desk.close()
    assert desk.rows() == []
    assert desk.verdict("cases", desk.case, "passed")["status"] == 200
    assert len(desk.rows()) == 1


def test_a_case_that_is_not_closed_is_not_passed(bureau: Bureau) -> None:
    """Neither a draft nor a case at work; it may be returned, and is passed once it is closed."""
    desk = Desk(bureau)
    assert desk.verdict("cases", desk.case, "passed")["code"] == "case_not_closed"
    desk.officer.done(desk.officer.step(desk.case, "register"))
    refused = desk.verdict("cases", desk.case, "passed")
    assert (refused["status"], refused["code"], refused["retry"]) == (409, "case_not_closed", "fix")
    assert desk.body()["review"] == "none"
    assert desk.verdict("cases", desk.case, "returned")["status"] == 200
    desk.officer.done(*(desk.officer.step(desk.case, event) for event in ("investigate", "advise", "close")))
    desk.pass_all()
    assert len(desk.rows()) == 1


def test_a_verdict_on_what_has_changed_since_is_refused(bureau: Bureau) -> None:
    """He who names the version that he saw judges that one; what is no content does not stand in his way."""
    desk = Desk(bureau)
    own = desk.officer
    photo = desk.photo()
    desk.close()
    for change in (
        own.patch("case", desk.case, 0, description="另一处"),
        own.append("case", desk.case, "timeline", step="persuade"),
        own.append("case", desk.case, "documents", type="D05"),
    ):
        own.pull()
        seen = own.version(desk.case)
        own.done(change)
        for word in ("passed", "returned"):
            refused = desk.verdict("cases", desk.case, word, base=seen)
            assert (refused["status"], refused["code"]) == (409, "changed_meanwhile")
    own.pull()
    seen = own.version(desk.case)
    own.done(own.append("case", desk.case, "notes", text="x"), own.patch("case", desk.case, 1, priority_hint=3))
    word = new_id()
    assert desk.verdict("cases", desk.case, "passed", base=seen, id=word)["outcome"] == "applied"
    own.done(own.patch("case", desk.case, 0, address="此后"))
    assert desk.verdict("cases", desk.case, "passed", base=seen, id=word)["duplicate"] is True
    seen = own.version(photo)
    desk.bytes_arrive()
    assert desk.verdict("evidence", photo, "returned", base=seen)["code"] == "changed_meanwhile"
    own.pull()
    assert desk.verdict("evidence", photo, "passed", base=own.version(photo))["outcome"] == "applied"
    for wrong in (-1, "1", 2**31):
        assert desk.verdict("evidence", photo, "passed", base=wrong)["code"] == "envelope_invalid"


def test_a_rejected_photo_holds_nothing_back(bureau: Bureau) -> None:
    """It is not sent, and not waited for."""
    desk = Desk(bureau)
    photo = desk.photo()
    desk.close()
    assert desk.verdict("cases", desk.case, "passed")["status"] == 200
    assert desk.verdict("evidence", photo, "rejected")["status"] == 200
    [row] = desk.rows()
    assert orjson.loads(row.payload)["evidence"] == []


def test_a_change_of_content_after_passing_opens_the_case_again(bureau: Bureau) -> None:
    """Words, steps, new photos, or a photo no longer passed: back to review, the delivery overtaken."""
    desk = Desk(bureau)
    photo = desk.photo()
    desk.bytes_arrive()
    desk.close()
    desk.pass_all(photo)
    changes = (
        lambda: desk.officer.done(desk.officer.patch("case", desk.case, 0, description=new_id())),
        lambda: desk.verdict("evidence", desk.photo(sha256="cd" * 32), "rejected"),
        lambda: desk.verdict("evidence", photo, "returned"),
        lambda: desk.officer.done(desk.officer.append("case", desk.case, "timeline", step="papers_returned")),
    )
    for count, change in enumerate(changes, 1):
        assert (len(desk.rows()), desk.body()["delivery"]) == (1, "waiting")
        change()
        assert (desk.rows(), len(desk.rows("cancelled"))) == ([], count)
        assert (desk.body()["review"], desk.body()["delivery"]) == ("under_review", "none")
        assert desk.verdict("evidence", photo, "passed")["status"] == 200
        assert desk.verdict("cases", desk.case, "passed")["status"] == 200
    versions = [row.version for row in desk.rows("waiting", "cancelled")]
    assert versions == sorted(set(versions))


def test_what_is_no_content_opens_nothing(bureau: Bureau) -> None:
    """A note or a hint leaves a passed case on its way."""
    desk = Desk(bureau)
    desk.close()
    desk.pass_all()
    own = desk.officer
    own.done(own.append("case", desk.case, "notes", text="x"), own.patch("case", desk.case, 1, priority_hint=3))
    assert (len(desk.rows()), desk.body()["delivery"]) == (1, "waiting")


def test_a_returned_case_says_so_and_comes_back_when_corrected(bureau: Bureau) -> None:
    """The verdict and its reason reach the officer's pull; his correction asks for review again."""
    desk = Desk(bureau)
    desk.close()
    assert desk.verdict("cases", desk.case, "returned", reason="地址不清")["status"] == 200
    body = desk.body()
    assert (body["review"], body["review_reason"]) == ("returned", "地址不清")
    desk.officer.done(desk.officer.patch("case", desk.case, desk.officer.version(desk.case), address="路口"))
    assert desk.body()["review"] == "under_review"


@pytest.mark.parametrize("what", ["photo", "timeline", "documents"])
def test_a_returned_case_comes_back_with_what_its_officers_add(bureau: Bureau, what: str) -> None:
    """A photo, a step or a document that was asked for is what the reviewer waits for; a note is not."""
    desk = Desk(bureau)
    desk.close()
    assert desk.verdict("cases", desk.case, "returned", reason="请补充")["status"] == 200
    own = desk.officer
    own.done(own.append("case", desk.case, "notes", text="x"))
    assert desk.body()["review"] == "returned"
    if what == "photo":
        desk.photo()
    else:
        own.done(own.append("case", desk.case, what, **{"step": "persuade"} if what == "timeline" else {"type": "D05"}))
    assert desk.body()["review"] == "under_review"


def test_a_refusal_by_the_centre_returns_the_case_and_a_corrected_one_is_a_new_version(bureau: Bureau) -> None:
    """Refused: returned with the centre's words, last on the timeline; corrected and passed: another row."""
    desk = Desk(bureau)
    desk.officer.done(desk.officer.append("case", desk.case, "timeline", step="persuade"))
    desk.close()
    desk.pass_all()
    [row] = desk.rows()

    def refuse(session: Session) -> None:
        claimed = outbox.claim(session, row.id, now(), 60)
        assert claimed is not None
        delivery.refused(session, desk.home, claimed, "地址不清", now())

    bureau.change(refuse)
    body = desk.body()
    assert (body["delivery"], body["review"], body["centre_message"]) == ("refused", "returned", "地址不清")
    assert [step["step"] for step in body["timeline"]][-1:] == ["centre_refused"]
    desk.officer.done(desk.officer.patch("case", desk.case, desk.officer.version(desk.case), address="路口"))
    assert desk.verdict("cases", desk.case, "passed")["status"] == 200
    assert [one.version > row.version for one in desk.rows()] == [True]


def test_nobody_judges_his_own_work(bureau: Bureau) -> None:
    """Not the author, not who photographed or pushed a photo, not who is on the timeline, and not by a push."""
    desk = Desk(bureau)
    both = [terminal(bureau, f"both{index}", "officer", "supervisor") for index in range(3)]
    own = both[0].create("case")
    both[0].done(own)
    both[1].done(both[1].photo(own["record"], desk.officer.officer))
    both[2].done(both[2].append("case", own["record"], "timeline", step="persuade"))
    answers = [desk.verdict("cases", own["record"], "passed", one)["code"] for one in both]
    assert answers == ["own_case"] * 3
    assert desk.verdict("cases", own["record"], "passed", desk.officer)["code"] == "not_permitted"
    [pushed] = both[0].send(both[0].patch("case", own["record"], 1, review="passed"))
    assert (pushed["outcome"], pushed["problem"]["code"]) == ("quarantined", "not_permitted")
    assert desk.verdict("cases", own["record"], "returned")["status"] == 200


def test_a_photo_is_passed_only_when_it_is_the_terminals_own(bureau: Bureau) -> None:
    """Bytes verified is not enough: the signature must hold."""
    desk = Desk(bureau)
    made = desk.officer.photo(desk.case, desk.officer.officer)
    made["set"]["role"] = "near"
    desk.officer.done(made)
    desk.bytes_arrive()
    assert desk.verdict("evidence", made["record"], "passed")["code"] == "evidence_not_ready"
    assert desk.verdict("evidence", made["record"], "returned")["status"] == 200


def test_a_case_with_open_conflicts_is_not_passed(bureau: Bureau) -> None:
    """It may be returned."""
    desk = Desk(bureau)
    other = terminal(bureau, "wang")
    desk.officer.done(desk.officer.patch("case", desk.case, 1, description="theirs"))
    other.send(other.patch("case", desk.case, 1, description="mine"))
    desk.close()
    assert desk.verdict("cases", desk.case, "passed")["code"] == "conflicts_open"
    assert desk.verdict("cases", desk.case, "returned")["status"] == 200


def test_a_repeated_verdict_is_the_same_one_and_its_id_serves_no_other(bureau: Bureau) -> None:
    """duplicate for the same; operation_id_reused for another case or another word."""
    desk = Desk(bureau)
    other = desk.officer.create("case")
    desk.officer.done(other)
    word = new_id()
    first = desk.verdict("cases", desk.case, "returned", id=word)
    assert desk.verdict("cases", desk.case, "returned", id=word) == first | {"duplicate": True}
    assert desk.verdict("cases", other["record"], "returned", id=word)["code"] == "operation_id_reused"
    assert desk.verdict("cases", desk.case, "passed", id=word)["code"] == "operation_id_reused"
    assert desk.body()["review"] == "returned"


def test_case_numbers_are_given_once_and_to_one_case(bureau: Bureau) -> None:
    """On leaving draft, consecutive within a batch, and never again."""
    own = terminal(bureau, "zhang")
    cases = [own.create("case") for _ in range(7)]
    own.done(*cases, *(own.step(one["record"], "register") for one in cases[:5]))
    own.done(*(own.step(one["record"], "register") for one in cases[5:]))
    first, second = cases[0]["record"], cases[1]["record"]
    own.done(own.step(first, "investigate"), own.patch("case", second, 0, category=OTHER_CATEGORY))
    own.pull()
    given = [own.body(one["record"])["case_no"] for one in cases]
    assert len(set(given)) == 7
    assert sorted(int(one[-5:]) for one in given) == list(range(1, 8))
    assert all(len(one) == 19 for one in given)
