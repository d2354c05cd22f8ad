"""The reference terminal against the real application: groups, voids and discards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask

from reference.terminal import EditRefusedError, Terminal, Verdict
from reference.terminal.edits import GROUP_LIMIT
from tests.integration.people import PASSWORD, Bureau


@pytest.fixture
def own(app: Flask, bureau: Bureau, tmp_path: Path) -> Iterator[Terminal]:
    """An officer's terminal, signed in."""
    bureau.officer("zhang")
    with Terminal(tmp_path / "own", "http://fieldpost", transport=httpx.WSGITransport(app=app)) as terminal:
        assert terminal.enrol(bureau.code(), "H1").verdict is Verdict.OK
        assert terminal.sign_in("zhang", PASSWORD).verdict is Verdict.OK
        assert terminal.sync().verdict is Verdict.OK
        yield terminal


def synced(own: Terminal) -> None:
    """Sync until nothing is left to say; sums must match."""
    for _ in range(2):
        report = own.sync()
        assert (report.verdict, report.pull.matches) == (Verdict.OK, True)


def test_a_group_is_applied_together(own: Terminal) -> None:
    """A case with its steps, entered as one, arrives as one; every edit is final."""
    with own.group():
        case = own.create("case", {"category": "0406"})
        own.append(case, "notes", {"text": "演示", "at": "2026-11-22T10:00:00+08:00"})
        own.transition(case, "register")
    synced(own)
    record = own.record(case)
    assert record is not None
    assert (record.version >= 3, record.body["status"], own.queue()) == (True, "registered", [])


def test_a_group_over_several_pushes_is_applied_with_the_last(own: Terminal) -> None:
    """Where a batch holds one edit only, the first ones are parked until the group is whole."""
    with own.store.transaction():
        own.store.set("batch_size", 1)
        own.store.set("limits", {"operations": 1})
    with own.group():
        records = [own.create("incident", {"description": str(number)}) for number in range(3)]
    report = own.push()
    assert sorted(report.outcomes.values()) == ["applied", "parked", "parked"]
    synced(own)
    assert own.queue() == []
    assert all(own.record(record) for record in records)


def test_one_bad_edit_keeps_its_group_back(own: Terminal) -> None:
    """The officer sees both as quarantined, the neighbour is applied."""
    with own.group():
        own.create("case", {"category": "9999"})
        own.create("case", {"category": "0406"})
    alone = own.create("case", {"category": "0406"})
    synced(own)
    assert [one.result["problem"]["code"] for one in own.queue()] == ["invalid_field", "group_incomplete"]
    assert own.record(alone) is not None


def test_a_group_that_fails_to_be_written_leaves_nothing(own: Terminal) -> None:
    """An error in the block, a group too large, a group within: none of the block's edits is kept."""

    def write(count: int, divisor: int = 1) -> None:
        with own.group():
            for _ in range(count):
                own.create("incident", {"description": "演示"})
            assert 1 // divisor

    with pytest.raises(ZeroDivisionError):
        write(1, 0)
    with pytest.raises(EditRefusedError):
        write(GROUP_LIMIT + 1)
    with own.group(), pytest.raises(EditRefusedError):
        write(1)
    assert own.queue() == []
    with own.group():
        own.create("incident", {})
    synced(own)
    assert own.queue() == []


def test_what_is_voided_shows_as_void_before_and_after_the_sync(own: Terminal) -> None:
    """A case, and an element that stays in its list, are marked at once and by the server's word."""
    case, other = (own.create("case", {"category": "0406"}) for _ in range(2))
    own.append(case, "notes", {"text": "wrong", "at": "2026-11-22T10:00:00+08:00"})
    synced(own)
    [note] = own.record(case).body["notes"]
    own.void(case, "in the wrong case", "notes", note["id"])
    own.void(other, "entered twice")
    for _ in range(2):
        [note] = own.record(case).body["notes"]
        assert note["void"]["reason"] == "in the wrong case"
        assert (own.record(other).void, own.record(other).reason) == (True, "entered twice")
        synced(own)
    assert note["void"]["by"] == own.store.get("officer")["id"]
    assert own.queue() == []


def test_a_discarded_draft_is_gone_and_a_refused_discard_is_not(own: Terminal) -> None:
    """A draft is void with its reason; a registered case stays in sight though its discard is refused."""
    draft, registered = (own.create("case", {"category": "0406"}) for _ in range(2))
    own.transition(registered, "register")
    synced(own)
    for case in (draft, registered):
        own.discard(case)
        assert own.record(case) is None
    synced(own)
    assert own.record(draft).reason == "discarded"
    assert own.record(registered).void is False
    assert [one.result["problem"]["code"] for one in own.queue()] == ["not_permitted"]
