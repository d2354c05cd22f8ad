"""A terminal that is handed over with work unsent: each officer answers for his own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from field_api.auth import officers
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau


def handed_over(bureau: Bureau, *roles: str, unit: str = "u1") -> tuple[Terminal, str]:
    """A terminal on which another officer has signed in since; and the first one's id."""
    own = terminal(bureau, "zhang", *roles, unit=unit)
    first = own.officer
    own.officer = bureau.officer("wang")
    own.handheld.sign_in("wang")
    return own, first


def test_work_of_the_one_before_is_booked_under_him(bureau: Bureau) -> None:
    """The record's author is who wrote it, not who sent it."""
    own, first = handed_over(bureau)
    his, mine = own.create("case") | {"officer": first}, own.create("case") | {"officer": own.officer}
    own.done(his, mine)
    own.pull()
    assert own.body(his["record"])["author"] == first
    assert own.body(mine["record"])["author"] == own.officer


def test_he_keeps_his_own_rights_and_no_others(bureau: Bureau) -> None:
    """A liaison's check is accepted from an officer's hands; an officer may not check in a liaison's name."""
    own, first = handed_over(bureau, "liaison")
    own.done(own.create("vehicle_check", plate="川Z12345") | {"officer": first})
    [refused] = own.send(own.create("vehicle_check", plate="川Z12345") | {"officer": own.officer})
    assert (refused["outcome"], refused["problem"]["code"]) == ("quarantined", "not_permitted")


def test_his_scope_is_his_own(bureau: Bureau) -> None:
    """What another unit's officer wrote on this terminal lands in his unit, where the sender does not see it."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    own, first = handed_over(bureau, unit="u2")
    case = own.create("case") | {"officer": first}
    own.done(case)
    own.pull()
    assert case["record"] not in own.held


def test_who_was_not_signed_in_then_is_not_believed(bureau: Bureau) -> None:
    """Neither a stranger to this terminal, nor a time outside his session; the work is kept for a person."""
    own, first = handed_over(bureau)
    stranger = bureau.officer("chen")
    long_ago = (datetime.now(UTC) - timedelta(days=400)).isoformat(timespec="milliseconds")
    results = own.send(
        own.create("case") | {"officer": stranger},
        own.create("case") | {"officer": first, "at": long_ago},
    )
    assert {(one["outcome"], one["problem"]["code"]) for one in results} == {("quarantined", "not_permitted")}
