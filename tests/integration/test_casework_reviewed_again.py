"""What takes a case that was passed back from the way to the centre, and what brings it to review again."""

from __future__ import annotations

from tests.integration.people import Bureau
from tests.integration.test_casework_review import Desk


def _passed(bureau: Bureau) -> tuple[Desk, str, str]:
    """A case that waits for the centre with a passed photo and a rejected one."""
    desk = Desk(bureau)
    desk.bytes_arrive()
    good, bad = desk.photo(), desk.photo()
    desk.bytes_arrive()
    desk.close()
    assert desk.verdict("evidence", bad, "rejected")["status"] == 200
    desk.pass_all(good)
    assert desk.body()["delivery"] == "waiting"
    return desk, good, bad


def test_a_case_that_is_returned_leaves_the_way_to_the_centre(bureau: Bureau) -> None:
    """Returned after it was passed: its delivery is cancelled, and passing it again writes a new one."""
    desk, _, _ = _passed(bureau)
    assert desk.verdict("cases", desk.case, "returned")["status"] == 200
    assert (desk.body()["review"], desk.body()["delivery"]) == ("returned", "none")
    assert (desk.rows(), len(desk.rows("cancelled"))) == ([], 1)
    assert desk.verdict("cases", desk.case, "passed")["status"] == 200
    assert len(desk.rows()) == 1


def test_a_photo_that_is_no_longer_left_out_is_judged_first(bureau: Bureau) -> None:
    """A rejected photo that is returned holds its passed case back, as any that nobody passed."""
    desk, _, bad = _passed(bureau)
    assert desk.verdict("evidence", bad, "returned")["status"] == 200
    assert (desk.body()["review"], desk.body()["delivery"], desk.rows()) == ("under_review", "none", [])


def test_when_it_happened_is_content(bureau: Bureau) -> None:
    """The time of the act, given for the first time after the review, is seen by a reviewer before the centre."""
    desk, _, _ = _passed(bureau)
    desk.officer.done(desk.officer.patch("case", desk.case, 0, occurred_at="2026-11-22T10:00:00+08:00"))
    assert (desk.body()["review"], desk.body()["delivery"], desk.rows()) == ("under_review", "none", [])


def test_closing_asks_for_review_whatever_was_said_before(bureau: Bureau) -> None:
    """A case that was returned while it was at work is under review again once it is closed."""
    desk = Desk(bureau)
    assert desk.verdict("cases", desk.case, "returned")["status"] == 200
    desk.close()
    assert desk.body()["review"] == "under_review"


def test_what_an_edit_entails_does_not_depend_on_its_batch(bureau: Bureau) -> None:
    """A returned case whose words were changed there and back is looked at again, in one batch as in two."""
    desk = Desk(bureau)
    for size in (1, 2):
        made = desk.officer.create("case", description="x")
        desk.case = made["record"]
        desk.officer.done(made)
        desk.close()
        assert desk.verdict("cases", desk.case, "returned")["status"] == 200
        edits = [desk.officer.patch("case", desk.case, 0, description=words) for words in ("y", "x")]
        for start in range(0, 2, size):
            desk.officer.done(*edits[start : start + size])
        assert (desk.body()["description"], desk.body()["review"]) == ("x", "under_review")
