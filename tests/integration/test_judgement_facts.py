"""What registers, blocks, clocks and rule sets say of a case is judged as of the act, however it syncs."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from field_api.casework.defects import Defect
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau
from tests.integration.test_judgement import at, defects, flagged, own, pair, street
from tests.support.numbers import leased, text

__all__ = ["own", "pair"]
KNOWN = {"kind": "citizen", "name": "演示当事人", "id_no": "11010519491231002X"}
LIGHT = {"factors": ["minor_harm", "corrected"]}


def numbered(operations: list[Any], number: str) -> list[Any]:
    """The same penalty with another number on its decision."""
    for one in operations:
        if one.get("list") == "documents" and one["item"]["type"] == "D07":
            one["item"]["number"] = number
    return operations


def of_rule(found: dict[str, list[str]], rule: str) -> set[str]:
    return {event for event, flags in found.items() if f"procedure_defect:{rule}" in flags}


def at_its_time(operations: list[Any], day: str) -> list[Any]:
    """The same operations, each made at ten o'clock of a day."""
    return [one | {"at": f"{day}T10:30:00.000+08:00"} for one in operations]


def test_a_number_of_anothers_block_is_marked(bureau: Bureau, own: Terminal, pair: tuple[str, str]) -> None:
    """The decision bears a number that another terminal leased."""
    block = leased(terminal(bureau, "wang"), 1)
    case = new_id()
    found = flagged(own, numbered(street(own, pair, case), text(block, block["from"])))
    assert of_rule(found, "R10") == {"decide", "serve"}
    assert defects(bureau, case) == {"R10": "open"}


@pytest.mark.parametrize("together", [True, False])
def test_a_number_that_stands_twice_is_marked_on_the_second(
    own: Terminal, pair: tuple[str, str], together: bool
) -> None:
    """The first to bear it is lawful, the other not, whether they come in one push or in two."""
    block = leased(own, 1)
    first, second = (numbered(street(own, pair, new_id()), text(block, block["from"])) for _ in range(2))
    if together:
        results = own.push(*first, *second)["results"]
        flags = [one.get("flags", []) for one in results]
    else:
        flags = [one.get("flags", []) for part in (first, second) for one in own.push(*part)["results"]]
    assert not any(flags[: len(first)])
    assert {one for listed in flags[len(first) :] for one in listed} == {"procedure_defect:R10"}


def test_a_first_slight_offence_is_not_fined_without_a_reason(own: Terminal, pair: tuple[str, str]) -> None:
    """R30: a party of whom nothing is known is fined only where it is said why."""
    operations = street(own, pair, new_id())
    operations[0]["set"] |= {"party": KNOWN, "discretion": LIGHT}
    assert of_rule(flagged(own, operations), "R30") == {"notify", "decide"}
    operations = street(own, pair, new_id())
    operations[0]["set"] |= {"party": KNOWN, "discretion": LIGHT | {"reason": "演示：情节特殊"}}
    assert of_rule(flagged(own, operations), "R30") == set()


def test_an_earlier_decision_counts_only_before_the_act(own: Terminal, pair: tuple[str, str]) -> None:
    """A second act after the first decision is no first offence; one before it is still."""
    earlier = street(own, pair, new_id())
    earlier[0]["set"]["party"] = KNOWN
    assert flagged(own, earlier) == {}
    for day, expected in (("2026-11-03", set[str]()), ("2026-10-30", {"notify", "decide"})):
        operations = street(own, pair, new_id())
        operations[0]["set"] |= {"party": KNOWN, "discretion": LIGHT, "occurred_at": f"{day}T10:00:00+08:00"}
        assert of_rule(flagged(own, operations), "R30") == expected


@pytest.mark.parametrize(("rule_set", "events"), [("2026.1@2026-11-02", set[str]()), ("2026.1@2026-11-01", {"decide"})])
def test_the_rules_are_those_of_the_day_of_the_act(
    own: Terminal, pair: tuple[str, str], rule_set: str, events: set[str]
) -> None:
    """R33: rules that were chosen for another day are marked unless they were chosen as the lighter ones."""
    operations = street(own, pair, new_id())
    operations[0]["set"]["rule_set"] = rule_set
    assert of_rule(flagged(own, operations), "R33") == events


@pytest.mark.parametrize(("day", "late"), [("2026-11-04", False), ("2026-11-05", True)])
def test_filing_is_counted_to_the_step_on_the_street(bureau: Bureau, day: str, late: bool) -> None:
    """R12: the police file within two working days of the decision; when it synced does not matter."""
    police = terminal(bureau, "jiaojing", "liaison")
    pair_ = (police.officer, bureau.officer("xiejing", "liaison"))
    case = new_id()
    operations = at_its_time(street(police, pair_, case, subject="traffic_police"), "2026-11-02")
    filed = police.step(case, "file") | {"at": f"{day}T16:00:00.000+08:00"}
    found = flagged(police, [*operations, filed])
    assert ("file" in of_rule(found, "R12")) == late
    assert ("R12" in defects(bureau, case)) == late


def test_a_step_that_waited_is_flagged_when_it_is_woken(own: Terminal, pair: tuple[str, str]) -> None:
    """What was parked is judged when it takes effect; `settled` tells its terminal the flags."""
    whole = street(own, pair, new_id(), frozenset({"order"}))
    created, rest = whole[0], whole[1:]
    # Rests on an operation that has not come: all of it waits.
    for one in rest:
        if one["action"] == "transition":
            one["base"] = {"operation": created["id"]}
    parked = own.push(*rest)["results"]
    assert {one["outcome"] for one in parked} == {"parked"}
    own.push(created)
    settled = {one["id"]: one for one in own.page()["settled"]}
    steps = {one["event"]: settled[one["id"]].get("flags") for one in rest if one["action"] == "transition"}
    assert steps["serve"] == ["procedure_defect:R34"]
    again = {one["id"]: one.get("flags") for one in own.push(*rest)["results"]}
    assert [again[one["id"]] for one in rest if one.get("event") == "serve"] == [["procedure_defect:R34"]]


def test_a_defect_is_found_at_most_once(bureau: Bureau, own: Terminal, pair: tuple[str, str]) -> None:
    """However often the case is looked at again, one row and one task stand for a rule."""
    case = new_id()
    own.push(*street(own, pair, case, frozenset({"order"})))
    for minute in range(8, 11):
        own.push(own.append("case", case, "timeline", step="educate", at=at(minute)))
    count = sa.select(sa.func.count()).select_from(Defect).where(Defect.record == case)
    assert bureau.change(lambda session: session.scalar(count)) == 1
