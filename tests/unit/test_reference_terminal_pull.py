"""Pages, cursors, evictions, restores and repairs, seen from the terminal."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.terminal import Terminal, Verdict
from tests.support.wire_answers import Answer
from tests.support.wire_terminal import Bench


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "t")
    bench.ready()
    yield bench
    bench.terminal.close()


def _held(terminal: Terminal) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in terminal.store.all("SELECT * FROM record ORDER BY id")]


def _pages(bench: Bench) -> list[tuple[str | None, dict[str, Any]]]:
    """Read the server's pages as they would be answered, two changes each."""
    pages, cursor, more = [], None, True
    while more:
        body = {"cursor": cursor, "limit": 2, "lanes": ["reference", "records"]}
        page = bench.server._pull(body).document
        pages.append((cursor, page))
        cursor, more = page["cursor"], page["more"]
    return pages


CHANGES = st.lists(
    st.tuples(st.sampled_from(["write", "evict"]), st.sampled_from(["r1", "r2", "r3"])),
    min_size=1,
    max_size=9,
)
DAMAGE = st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["body", "version", "row"])), max_size=5)


@settings(max_examples=40, deadline=None)
@given(changes=CHANGES, data=st.data())
def test_a_page_repeated_or_late_changes_nothing(changes: list[tuple[str, str]], data: st.DataObject) -> None:
    """Applying any page twice, or an older page later, leaves records and cursor as they are."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "t")
        terminal = bench.ready()
        for number, (action, record) in enumerate(changes):
            if action == "write":
                bench.server.write(record, description=str(number))
                if bench.server.records[record]["state"] == "evict":
                    bench.server.records[record]["state"] = "put"
            elif record in bench.server.records:
                bench.server.evict(record)
        passed: list[tuple[str | None, dict[str, Any]]] = []
        for asked, page in _pages(bench) if bench.server.log else []:
            terminal._pull.apply_page(asked, page)
            passed.append((asked, page))
            before = (_held(terminal), terminal.store.get("cursor"))
            again = data.draw(st.sampled_from(passed))
            assert terminal._pull.apply_page(*again) == 0
            assert (_held(terminal), terminal.store.get("cursor")) == before
        terminal.close()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_only_a_version_above_its_own_is_taken(bench: Bench, version: int) -> None:
    """A change whose version is not above the one held is ignored, on any page."""
    bench.server.write("r1", description="1")
    bench.server.write("r1", description="2")
    bench.server.write("r1", description="3")
    bench.terminal.pull()
    change = {"action": "put", "type": "case", "record": "r1", "version": version, "body": {"x": 1}}
    page = {"changes": [change], "cursor": "1:9", "more": False}
    taken = bench.terminal._pull.apply_page(bench.terminal.store.get("cursor"), page)
    assert taken == int(version > 3)
    assert ("x" in bench.terminal.record("r1").body) is (version > 3)


def test_the_server_may_leave_out_what_an_applied_result_told(bench: Bench) -> None:
    """With an own edit applied and not sent back, the terminal still meets the checkpoint and shows it."""
    bench.server.write("r1", description="a")
    bench.terminal.pull()
    bench.terminal.patch("r1", {"description": "b"})
    created = bench.terminal.create("case", {"description": "c"})
    bench.terminal.push()
    pull = bench.server._pull

    def sparing(body: dict[str, Any]) -> Answer:
        answer = pull(body)
        answer.document["changes"] = []
        return answer

    bench.server._pull = sparing
    assert bench.terminal._pull.run().matches is True
    assert bench.terminal.record("r1").body == {"description": "b"}
    assert bench.terminal.record(created).version == 1


def test_what_was_evicted_leaves_no_operation_behind(bench: Bench) -> None:
    """An own edit of an evicted record is forgotten with the rest once the backup holds it."""
    case = bench.terminal.create("case", {"description": "a"})
    bench.terminal.push()
    bench.terminal.pull()
    bench.terminal.patch(case, {"description": "b"})
    bench.terminal.push()
    bench.server.evict(case)
    bench.terminal.pull()
    bench.server.safe_before = "2027-01-01T00:00:00Z"
    bench.terminal.hello()
    assert bench.terminal.store.count("SELECT count(*) FROM operation") == 0


def test_a_page_and_its_cursor_stand_or_fall_together(bench: Bench) -> None:
    """When one change of a page cannot be kept, none is, and the cursor stays."""
    good = {"action": "put", "type": "case", "record": "r1", "version": 1, "body": {}}
    bad = {**good, "record": "r2", "version": 2**80}
    with pytest.raises(ValueError, match="no page"):
        bench.terminal._pull.apply_page(None, {"changes": [good, bad], "cursor": "1:1", "more": False})
    assert (_held(bench.terminal), bench.terminal.store.get("cursor")) == ([], None)


def test_every_page_is_read_and_the_checkpoint_met(bench: Bench) -> None:
    """A pull goes on to the last page, across a lost one, and then holds what the server holds."""
    for number in range(2500):
        bench.server.write(f"r{number}", description=str(number))
    bench.line.plan("/sync/pull", "cut")
    assert bench.terminal.pull().verdict is Verdict.LATER
    report = bench.terminal.pull()
    assert (report.pages, report.changed, report.matches) == (3, 2500, True)
    assert bench.terminal.confirmed() == bench.server.scoped()


def test_an_evicted_record_is_gone_and_stays_gone(bench: Bench) -> None:
    """No byte of an evicted record's body stays, nor does a late answer to an own edit bring it back."""
    terminal = bench.terminal
    case = terminal.create("case", {"description": "secret words"})
    bench.line.plan("/sync/push", "lost_answer")
    terminal.push()
    terminal.pull()
    bench.server.evict(case)
    terminal.pull()
    assert terminal.record(case) is None
    terminal.push()
    assert terminal.queue() == []
    assert terminal.record(case) is None
    assert terminal.sync().pull.matches is True
    assert "secret words" not in json.dumps(_held(terminal))


def test_a_refused_cursor_leads_to_a_fresh_pull_that_keeps_the_queue(bench: Bench) -> None:
    """After 410 all is pulled afresh, what is no longer held goes, and unsent work stays."""
    terminal = bench.terminal
    bench.server.write("stays", description="a")
    bench.server.write("goes", description="b")
    terminal.pull()
    bench.server.records["goes"]["state"] = "evict"
    bench.server.log.remove(("goes", "put"))
    case = terminal.create("case", {"description": "unsent"})
    bench.line.plan("/sync/pull", "410")
    report = terminal._pull.run()
    assert (report.verdict, report.matches) == (Verdict.OK, True)
    assert [record.id for record in terminal.records("case")] == sorted([case, "stays"])
    assert [queued.record for queued in terminal.queue()] == [case]


def test_a_restored_server_gets_back_what_it_lost(bench: Bench) -> None:
    """After a new epoch all that the terminal still holds is sent again, and both sides agree."""
    terminal = bench.terminal
    early = terminal.create("case", {"description": "early"})
    terminal.sync()
    backup = json.loads(json.dumps(bench.server.backup()))
    late = terminal.create("case", {"description": "late"})
    terminal.patch(early, {"description": "later"})
    terminal.sync()
    bench.server.restore(backup)
    assert late not in bench.server.records
    report = terminal.sync()
    assert (report.verdict, report.pull.matches) == (Verdict.OK, True)
    assert bench.server.records[late]["body"] == {"description": "late"}
    assert terminal.record(early).body == bench.server.records[early]["body"] == {"description": "later"}
    assert terminal.queue() == []


def test_operations_are_forgotten_only_once_the_backup_holds_them(bench: Bench) -> None:
    """A final operation stays until its receipt is older than `safe_before`."""
    bench.terminal.create("case", {"description": "a"})
    bench.terminal.sync()
    bench.server.safe_before = "2026-11-22T01:59:59+00:00"
    bench.terminal.hello()
    assert bench.terminal.store.count("SELECT count(*) FROM operation") == 1
    bench.server.safe_before = "2026-11-22T02:00:01+00:00"
    bench.terminal.hello()
    assert bench.terminal.store.count("SELECT count(*) FROM operation") == 0


@settings(max_examples=20, deadline=None)
@given(damage=DAMAGE)
def test_one_exchange_repairs_a_damaged_copy(damage: list[tuple[int, str]]) -> None:
    """After any corruption a repair restores equality, and touches no more buckets than were damaged."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "t")
        terminal = bench.ready()
        for number in range(30):
            bench.server.write(f"r{number}", description=str(number))
        terminal.pull()
        sound = _held(terminal)
        for number, kind in damage:
            record = f"r{number}"
            if kind == "row":
                terminal.store.execute("DELETE FROM record WHERE id = ?", record)
            elif kind == "body":
                terminal.store.execute("UPDATE record SET body = '{\"x\":1}' WHERE id = ?", record)
            else:
                terminal.store.execute("UPDATE record SET version = version + 5 WHERE id = ?", record)
        report = terminal.pull()
        assert report.matches is True
        assert _held(terminal) == sound
        if not damage:
            assert report.changed == 0
        terminal.close()


def test_what_the_server_misses_is_sent_again(bench: Bench) -> None:
    """A number that the server names as missing goes out again, though it had its receipt."""
    terminal = bench.terminal
    lost = terminal.create("case", {"description": "a"})
    terminal.push()
    bench.server.inbox.clear()
    bench.server.records.pop(lost)
    push = bench.server._push

    def missing(who: str, body: dict[str, Any]) -> Answer:
        answer = push(who, body)
        answer.document["missing_numbers"] = [[1, 1], ["x"], 7, [2**70, 1]] if lost not in _sent(body) else []
        return answer

    bench.server._push = missing
    terminal.create("case", {"description": "b"})
    terminal.push()
    terminal.push()
    assert bench.server.records[lost]["version"] == 1
    assert terminal.queue() == []


def _sent(body: dict[str, Any]) -> set[str]:
    return {operation["record"] for operation in body["operations"]}


def test_another_officer_finds_nothing_of_the_first(bench: Bench) -> None:
    """When another officer signs in, records go, and what the first left unsent goes out under his name."""
    terminal = bench.terminal
    bench.server.write("r1", description="his")
    terminal.pull()
    case = terminal.create("case", {"description": "unsent"})
    first = bench.server.identity.officer
    bench.server.identity.officer = {**first, "id": "0192f000-0000-7000-8000-0000000000a2"}
    terminal.sign_in("demo", "right")
    assert terminal.record("r1") is None
    terminal.sync()
    assert bench.server.inbox
    assert [kept["operation"]["officer"] for kept in bench.server.inbox.values()] == [first["id"]]
    assert terminal.confirmed() == bench.server.scoped()
    assert case in bench.server.records


def test_a_settled_word_for_an_unknown_operation_is_harmless(bench: Bench) -> None:
    """Outcomes of operations that this store no longer has change nothing."""
    page = {"changes": [], "settled": [{"id": "x", "outcome": "applied"}, 7], "cursor": "1:0", "more": False}
    assert bench.terminal._pull.apply_page(None, page) == 0


def test_a_pull_that_never_ends_is_broken_off(bench: Bench) -> None:
    """`more` with the same cursor is no answer of a server in its senses."""
    page = {"changes": [], "settled": [], "cursor": "1:0", "more": True, "control": {}}
    bench.server._pull = lambda body: Answer(200, page)
    assert bench.terminal.pull().code == "answer_invalid"


def test_a_restored_copy_of_the_store_takes_a_new_name(bench: Bench) -> None:
    """A store put back from an old copy notices used numbers, renames itself, and loses neither's edits."""
    terminal = bench.terminal
    terminal.create("case", {"description": "before"})
    terminal.push()
    terminal.close()
    old = (bench.folder / "store.sqlite3").read_bytes()
    terminal = bench.open()
    lost = [terminal.create("case", {"description": str(number)}) for number in range(3)]
    terminal.push()
    terminal.close()
    (bench.folder / "store.sqlite3").write_bytes(old)
    terminal = bench.open()
    name = terminal.store.get("store")
    again = terminal.create("case", {"description": "after the restore"})
    terminal.push()
    assert terminal.store.get("store") != name
    newer = terminal.create("case", {"description": "numbered afresh"})
    terminal.sync()
    assert {*lost, again, newer} <= set(bench.server.records)
    assert bench.server.pushes[-1]["operations"][-1]["number"] == 1
    assert terminal.queue() == []
