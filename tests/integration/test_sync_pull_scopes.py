"""Scopes that change: what is gained arrives, what is lost goes, and the cursor stays good."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.auth import assignments, officers
from field_api.auth.assignments import HeldScope
from field_api.extensions import db
from sync.store.scopesets import ScopeSetRow
from sync.store.tables import AudienceRow, RecordRow
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau

GRIDS = ("510104001001001", "510104001001002")


@pytest.fixture
def units(bureau: Bureau) -> tuple[str, ...]:
    """Three units beside one's own."""
    codes = ("u2", "u3", "u4")
    for code in codes:
        bureau.change(lambda session, code=code: officers.add_unit(session, code, f"演示 {code}"))
    return codes


def scoped(bureau: Bureau, scopes: Iterable[str]) -> dict[str, tuple[str, int]]:
    """What a reader of these scopes must hold, read from the tables."""
    shown = sa.select(AudienceRow.record).where(AudienceRow.scope.in_([*scopes, "all"]))
    query = sa.select(RecordRow.id, RecordRow.type, RecordRow.version).where(RecordRow.id.in_(shown))
    return {record: (kind, version) for record, kind, version in bureau.change(lambda s: s.execute(query).all())}


def held(own: Terminal) -> dict[str, tuple[str, int]]:
    return {record: (kind, version) for record, (kind, version, _) in own.held.items()}


def family(own: Terminal) -> list[str]:
    """An incident, its case and a photo, pushed; the incident changed last. Returns their ids, parents first."""
    incident = own.create("incident")
    case = own.create("case", incident=incident["record"])
    photo = own.photo(case["record"], own.officer)
    own.done(incident, case, photo)
    own.done(own.patch("incident", incident["record"], 1, description="later"))
    return [one["record"] for one in (incident, case, photo)]


@pytest.mark.parametrize("splits", [(3,), (2, 1), (1, 2), (1, 1, 1)])
def test_a_grid_that_a_record_once_had_keeps_it(
    bureau: Bureau, units: tuple[str, ...], splits: tuple[int, ...]
) -> None:
    """Whoever works in a grid that the record lay in for one edit only holds it, however the edits were split."""
    own, first, last = terminal(bureau, "zhang"), *(
        terminal(bureau, f"in-{grid}", unit="u2", grids=(grid,)) for grid in GRIDS
    )
    made = own.create("incident")
    edits = [made, *(own.patch("incident", made["record"], 1, grid=grid) for grid in GRIDS)]
    for size in splits:
        own.done(*edits[:size])
        del edits[:size]
    for reader in (first, last):
        reader.pull()
        assert reader.version(made["record"]) == 3


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_gained_scope_delivers_all_its_records_on_the_same_cursor(
    bureau: Bureau, units: tuple[str, ...], limit: int
) -> None:
    """Also what was written long before the position, parents first, in pages of any size; then it is quiet."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang", unit="u2")
    theirs = [record for _ in range(3) for record in family(other)]
    family(own)
    own.pull()
    bureau.assign(own.officer, units=("u2",))
    late = family(other)
    changes = own.pull(limit=limit)
    assert {one["action"] for one in changes} == {"put"}
    assert {*theirs, *late} <= own.held.keys()
    assert held(own) == scoped(bureau, ["unit:u1", "unit:u2"])
    assert own.pull() == []


@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_a_lost_scope_is_evicted_and_nothing_else(bureau: Bureau, units: tuple[str, ...], limit: int) -> None:
    """Type and id of what was held go out, no byte of it, and nothing of what was written there since."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang", unit="u2")
    bureau.assign(own.officer, units=("u2",))
    mine, theirs = family(own), family(other)
    own.pull()
    bureau.assign(own.officer)
    unseen = family(other)
    changes = own.pull(limit=limit)
    assert sorted(one["record"] for one in changes) == sorted(theirs)
    assert all(one.keys() == {"action", "type", "record"} for one in changes)
    assert set(mine) <= own.held.keys()
    assert not {*theirs, *unseen} & own.held.keys()
    assert held(own) == scoped(bureau, ["unit:u1"])


def test_what_several_scopes_have_goes_only_with_the_last(bureau: Bureau, units: tuple[str, ...]) -> None:
    """An incident of two units stays while either is held; a third unit's gaining it changes nothing."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang", "liaison", unit="u2")
    both = family(own)
    check = other.create("vehicle_check", incident=both[0], plate="川A12345")
    other.done(check)
    bureau.assign(own.officer, units=("u2",))
    own.pull()
    bureau.assign(own.officer, unit="u2")
    assert [one["type"] for one in own.pull()] == ["officer"]
    bureau.assign(own.officer, unit="u3")
    gone = [one["record"] for one in own.pull() if one["action"] == "evict"]
    assert sorted(gone) == sorted([*both, check["record"]])
    assert held(own) == scoped(bureau, ["unit:u3"])


def test_a_parent_that_came_early_goes_with_its_child(bureau: Bureau, units: tuple[str, ...]) -> None:
    """A family's old members get later sequences than the child that joined it; none outlives the scope."""
    own, police = terminal(bureau, "zhang"), terminal(bureau, "wang", "liaison", unit="u2")
    incident, case, _photo = family(own)
    reader = terminal(bureau, "zhao", "liaison", unit="u2")
    reader.pull()
    police.done(police.create("vehicle_check", incident=incident, plate="川A12345"))
    while incident not in reader.held:
        reader.page(limit=1)
    assert case not in reader.held
    bureau.assign(reader.officer, unit="u3")
    reader.pull()
    assert held(reader) == scoped(bureau, ["unit:u3"])


def test_scopes_that_change_all_the_time_end_in_agreement(bureau: Bureau, units: tuple[str, ...]) -> None:
    """Pages of random size between random assignments and writes: at every page nothing is sent to whom it is
    not shown, nothing is kept at a checkpoint that is not, and in the end all is there.
    """
    dice = random.Random(7)
    writers = [terminal(bureau, "w1"), *(terminal(bureau, f"w{unit}", unit=unit) for unit in units)]
    own = terminal(bureau, "zhang", grids=GRIDS[:1])
    now = ("unit:u1", f"grid:{GRIDS[0]}")
    families: list[tuple[Terminal, str]] = []
    for _ in range(150):
        action = dice.randrange(8)
        if action == 0:
            unit, *more = dice.sample(("u1", *units), dice.randrange(1, 4))
            grids = tuple(dice.sample(GRIDS, dice.randrange(3)))
            bureau.assign(own.officer, unit, tuple(more), grids)
            now = tuple(f"unit:{one}" for one in (unit, *more)) + tuple(f"grid:{one}" for one in grids)
        elif action <= 2:
            writer = dice.choice(writers)
            incident = writer.create("incident")
            case = writer.create("case", incident=incident["record"], grid=dice.choice((*GRIDS, None)))
            writer.done(incident, case, writer.photo(case["record"], writer.officer))
            families.append((writer, incident["record"]))
        elif action == 3 and families:
            writer, incident = dice.choice(families)
            writer.done(writer.patch("incident", incident, 0, description=str(dice.random())))
        elif action == 4 and families:
            _, incident = dice.choice(families)
            writer = dice.choice(writers)
            writer.done(writer.create("case", incident=incident))
        else:
            page = own.page(limit=dice.choice((1, 2, 3, 8)))
            shown = scoped(bureau, now)
            assert all(one["record"] in shown for one in page["changes"] if one["action"] == "put")
            assert not any(one["record"] in shown for one in page["changes"] if one["action"] == "evict")
            if not page["more"]:
                assert held(own) == shown
    own.pull(limit=3)
    assert held(own) == scoped(bureau, now)


def test_a_set_of_scopes_is_written_once(bureau: Bureau, app: Flask, units: tuple[str, ...]) -> None:
    """Only the pull that first meets a set writes; the same set of another officer, or come back to, does not."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    own.pull()
    other.pull()
    assert _sets(bureau) == [["unit:u1"]]
    written = _statements(app, lambda: own.ask())
    assert not any("INSERT" in one for one in written)
    for grids in (GRIDS, (), GRIDS, ()):
        bureau.assign(own.officer, grids=grids)
        own.pull()
    assert sorted(map(len, _sets(bureau))) == [1, 3]
    assert len(own.ask().data) < 250


def _sets(bureau: Bureau) -> list[list[str]]:
    return list(bureau.change(lambda session: session.scalars(sa.select(ScopeSetRow.scopes)).all()))


def _statements(app: Flask, work: Any) -> list[str]:
    with app.app_context():
        engine = db.engine
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return seen


def moved(bureau: Bureau) -> tuple[Terminal, str, dict[str, Any], dict[str, Any]]:
    """An officer who left a unit: his terminal, a case there, an edit of before and one of after."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    own.done(case)
    before = own.patch("case", case["record"], 1, description="written there")
    bureau.assign(own.officer, unit="u2")
    after = own.patch("case", case["record"], 1, address="written elsewhere")
    return own, case["record"], before, after


def test_what_was_written_while_the_scope_was_held_is_accepted(bureau: Bureau, units: tuple[str, ...]) -> None:
    """An edit of before the loss counts, one of after it is kept for a person, neither brings the record back."""
    own, case, before, after = moved(bureau)
    accepted, refused = own.send(before, after)
    assert accepted["outcome"] == "applied"
    assert (refused["outcome"], refused["problem"]["code"]) == ("quarantined", "out_of_scope")
    own.pull()
    assert case not in own.held


def test_a_terminal_whose_clock_is_wrong_gains_nothing_by_it(bureau: Bureau, units: tuple[str, ...]) -> None:
    """Times are judged by how far the clock is off when it pushes: a slow one does not make an edit old."""
    own, _, before, after = moved(bureau)
    slow = timedelta(days=3)
    for one, ago in ((before, slow + timedelta(minutes=5)), (after, slow)):
        one["at"] = (datetime.fromisoformat(one["at"]) - ago).isoformat(timespec="milliseconds")
    own.clock = {"wall": (datetime.now(UTC) - slow).isoformat(timespec="milliseconds")}
    assert [one["outcome"] for one in own.send(before, after)] == ["applied", "quarantined"]


def test_an_accepted_edit_of_a_lost_record_shows_nothing_of_it(bureau: Bureau, units: tuple[str, ...]) -> None:
    """Where it loses against another's value, the result says so without telling that value."""
    own, case, before, _ = moved(bureau)
    other = terminal(bureau, "wang")
    other.done(other.patch("case", case, 1, description="secret"))
    answer = own.post([before])
    [result] = answer.json["results"]
    assert result["fields"] == {"description": "kept_server"}
    assert "now" not in result
    assert "secret" not in answer.text


def test_a_scope_lost_long_ago_counts_no_more(bureau: Bureau, units: tuple[str, ...]) -> None:
    """Longer than an offline session lasts, a time of before proves nothing: a person judges."""
    own, _, before, _ = moved(bureau)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    bureau.change(lambda session: session.execute(sa.update(HeldScope).values(until_at=long_ago)))
    before["at"] = (long_ago - timedelta(days=1)).isoformat(timespec="milliseconds")
    [refused] = own.send(before)
    assert (refused["outcome"], refused["problem"]["code"]) == ("quarantined", "out_of_scope")


def test_only_the_periods_in_which_a_scope_was_held_count(bureau: Bureau, units: tuple[str, ...]) -> None:
    """Held, lost, held and lost again: a time between the periods is none of them."""
    officer, start = bureau.officer("zhang"), datetime.now(UTC) - timedelta(hours=9)
    for hour, unit in enumerate(("u2", "u1", "u2", "u1", "u2"), start=1):
        new = assignments.Assignment(unit)
        moment = start + timedelta(hours=hour)
        bureau.change(lambda session, new=new, moment=moment: assignments.assign(session, officer, new, moment))
    found = [
        bureau.change(
            lambda session, at=start + timedelta(hours=half / 2): assignments.held_at(
                session, officer, at, start + timedelta(hours=9), 86_400
            )
        )
        for half in (1, 3, 5, 7, 9, 11)
    ]
    both = [sorted(one) for one in found]
    assert both == [["unit:u1"], ["unit:u2"], ["unit:u1"], ["unit:u2"], ["unit:u1"], []]
