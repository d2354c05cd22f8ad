"""The terminal's main way: enrol, sign in, work offline, sync."""

import json
from pathlib import Path

import pytest

from reference.terminal import EditRefusedError, NotSignedInError, Verdict
from tests.support.wire_terminal import Bench


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "t")
    yield bench
    bench.terminal.close()


def _base_of(bench: Bench, place: int) -> object:
    return bench.server.pushes[-1]["operations"][place]["base"]


def test_work_done_offline_is_on_the_server_after_one_sync(bench: Bench) -> None:
    """What was created, patched, appended and moved on offline stands on both sides after a sync."""
    terminal = bench.ready()
    terminal.hello()
    terminal.schema()
    case = terminal.create("case", {"description": "a", "status": "draft"})
    terminal.patch(case, {"description": "b"})
    terminal.append(case, "timeline", {"step": "persuade"})
    terminal.transition(case, "register")
    before = terminal.record(case)
    assert before is not None
    assert (before.version, before.unsent, before.body["status"]) == (0, 4, "registered")
    report = terminal.sync()
    assert (report.verdict, report.pull.matches) == (Verdict.OK, True)
    after = terminal.record(case)
    assert after is not None
    assert (after.version, after.unsent) == (4, 0)
    assert after.body == before.body == bench.server.records[case]["body"]
    assert terminal.queue() == []


def test_operations_are_numbered_and_based_on_their_predecessors(bench: Bench) -> None:
    """Numbers run from 1 without gaps; a base names the officer's own unsent edit, else the version."""
    terminal = bench.ready()
    case = terminal.create("case", {"description": "a"})
    first = terminal.patch(case, {"description": "b"})
    terminal.patch(case, {"description": "c"})
    terminal.push()
    assert [operation["number"] for operation in bench.server.pushes[-1]["operations"]] == [1, 2, 3]
    assert _base_of(bench, 2) == {"operation": first}
    assert bench.server.pushes[-1]["operations"][2]["was"] == {"description": "b"}
    terminal.patch(case, {"description": "d"})
    terminal.push()
    assert _base_of(bench, 0) == 3
    assert bench.server.pushes[-1]["operations"][0]["number"] == 4


def test_the_envelope_is_the_protocols(bench: Bench) -> None:
    """A push body has exactly the protocol's members."""
    terminal = bench.ready()
    terminal.create("case", {"description": "a"})
    terminal.push()
    body = bench.server.pushes[-1]
    assert set(body) == {
        "protocol", "schema", "app", "batch", "store", "clock", "health", "control_done", "operations",
    }  # fmt: skip
    assert set(body["clock"]) == {"wall", "monotonic_ms", "boot", "hlc"}
    assert set(body["health"]) == {"pending", "oldest_pending_at", "storage_free_bytes"}
    assert body["health"]["pending"] == 1


def test_a_lost_value_is_told_and_the_standing_one_taken(bench: Bench) -> None:
    """Where another's value stands, the terminal takes it and remembers what lost, with its conflict."""
    terminal = bench.ready()
    bench.server.write("case-1", description="old", address="x")
    terminal.sync()
    bench.server.write("case-1", description="theirs")
    terminal.patch("case-1", {"description": "mine", "address": "y"})
    terminal.push()
    record = terminal.record("case-1")
    assert record is not None
    assert record.body == {"description": "theirs", "address": "y"}
    (loss,) = terminal.losses()
    assert (loss["field"], loss["mine"], loss["standing"]) == ("description", "mine", "theirs")
    assert loss["conflict"]
    assert terminal.sync().pull.matches is True


@pytest.mark.parametrize("outcome", ["parked", "quarantined", "retry"])
def test_what_is_not_final_stays_and_holds_up_nobody(bench: Bench, outcome: str) -> None:
    """A poisoned operation stays in the queue whole; its neighbours become final in the same push."""
    bench.server.rulings["poison"] = outcome
    terminal = bench.ready()
    poisoned = terminal.create("case", {"description": "poison"})
    others = [terminal.create("case", {"description": f"n{number}"}) for number in range(3)]
    terminal.push()
    assert [(queued.record, queued.state) for queued in terminal.queue()] == [(poisoned, outcome)]
    assert all(other in bench.server.records for other in others)


def test_what_settles_later_leaves_the_queue_against_a_receipt(bench: Bench) -> None:
    """An outcome that a pull tells is kept until a receipt names it, and is then final."""
    bench.server.rulings["wait"] = "parked"
    terminal = bench.ready()
    case = terminal.create("case", {"description": "wait"})
    terminal.sync()
    (queued,) = terminal.queue()
    bench.server.settle(queued.id, "applied")
    terminal.pull()
    assert [waiting.state for waiting in terminal.queue()] == ["settled"]
    terminal.push()
    assert terminal.queue() == []
    assert terminal.record(case).version == 1


def test_an_edit_that_cannot_be_stored_is_refused_at_once(bench: Bench) -> None:
    """NUL, lone surrogates and NaN never become operations, and use up no number."""
    terminal = bench.ready()
    for value in ("a\0b", "\ud800", float("nan"), 2**60):
        with pytest.raises(EditRefusedError):
            terminal.create("case", {"description": value})
    terminal.create("case", {"description": "\\u0000 as text"})
    assert [queued.number for queued in terminal.queue()] == [1]


def test_a_withheld_field_cannot_be_set(bench: Bench) -> None:
    """A field that the server masks is refused before it becomes an operation."""
    terminal = bench.ready()
    change = {"action": "put", "type": "case", "record": "r", "version": 1, "body": {}}
    masked = {**change, "masked": ["party.id_no"]}
    terminal._pull.apply_page(None, {"changes": [masked], "cursor": "1:0", "more": False})
    with pytest.raises(EditRefusedError):
        terminal.patch("r", {"party": {"id_no": "1"}})


def test_an_edit_needs_an_author(bench: Bench) -> None:
    """Before a sign-in nothing is written."""
    bench.terminal.enrol("code-1", "H1")
    with pytest.raises(NotSignedInError):
        bench.terminal.create("case", {})
    assert bench.terminal.queue() == []


def test_a_wipe_order_waits_for_the_queue_and_is_confirmed(bench: Bench) -> None:
    """A wipe after push deletes nothing that is unsent, then everything, and says so once."""
    terminal = bench.ready()
    case = terminal.create("case", {"description": "a"})
    bench.server.control = {"wipe": {"id": "w1", "after_push": True}}
    bench.line.plan("/sync/push", "lost_request")
    assert terminal.sync().verdict is Verdict.LATER
    assert [queued.record for queued in terminal.queue()] == [case]
    terminal.sync()
    assert terminal.records("case") == []
    assert case in bench.server.records
    assert bench.server.control_done == ["w1"]
    terminal.sync()
    assert bench.server.control_done == ["w1"]
    assert json.dumps(terminal.store.get("wiped")) == '["w1"]'
