"""A terminal among servers of another age: it sends what it wrote as it wrote it, and keeps what it does not know."""

import sqlite3
from pathlib import Path

import pytest

from reference.terminal import Verdict
from reference.terminal.store import LAYOUT, Store
from tests.support.wire_terminal import Bench


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "t")
    yield bench
    bench.terminal.close()


def test_operations_go_under_the_schema_they_were_written_under(bench: Bench) -> None:
    """A terminal that has fetched a newer schema sends its older work apart, under the older number."""
    terminal = bench.ready()
    terminal.create("case", {"description": "a"})
    terminal.store.set("schema", {"schema": 2, "types": {}})
    terminal.create("case", {"description": "b"})
    report = terminal.push()
    assert (report.verdict, report.batches) == (Verdict.OK, 2)
    sent = [(push["schema"], [one["number"] for one in push["operations"]]) for push in bench.server.pushes]
    assert sent == [(1, [1]), (2, [2])]


def test_a_batch_keeps_its_number_until_it_is_answered(bench: Bench) -> None:
    """What was sent before an update and lost on its way is sent again as it was."""
    terminal = bench.ready()
    terminal.create("case", {"description": "a"})
    bench.line.plan("/sync/push", "lost_answer")
    terminal.push()
    terminal.store.set("schema", {"schema": 3, "types": {}})
    assert terminal.push().verdict is Verdict.OK
    assert {push["schema"] for push in bench.server.pushes} == {1}


def test_what_the_terminal_does_not_know_survives(bench: Bench) -> None:
    """Unknown fields and types are kept as they came, and stay when known fields are edited."""
    terminal = bench.ready()
    bench.server.write("r1", description="a", weather={"wind": [1, {"gust": 2.5}]})
    bench.server.write("r2", type_="sundial", shade="7")
    assert terminal.pull().matches
    terminal.patch("r1", {"description": "b"})
    shown = terminal.record("r1")
    assert shown is not None
    assert shown.body == {"description": "b", "weather": {"wind": [1, {"gust": 2.5}]}}
    terminal.sync()
    again = terminal.record("r1")
    assert again is not None
    assert again.body == shown.body
    assert [one.body for one in terminal.records("sundial")] == [{"shade": "7"}]


def test_an_unknown_action_is_passed_over(bench: Bench) -> None:
    """A change of a kind that this terminal does not know neither stops its pull nor touches what it holds."""
    terminal = bench.ready()
    bench.server.write("r1", description="a")
    terminal.pull()
    before = terminal.confirmed()
    page = {
        "changes": [{"action": "fold", "record": "r1", "corner": 3}, {"action": "fold", "record": "r9"}],
        "cursor": "later", "more": False,
    }  # fmt: skip
    assert terminal._pull.apply_page(terminal.store.get("cursor"), page) == 0
    assert (terminal.store.get("cursor"), terminal.confirmed()) == ("later", before)


def test_a_store_of_the_first_layout_is_brought_along(tmp_path: Path) -> None:
    """Work that an older program left unsent is there after its update, under the schema of then."""
    path = tmp_path / "store.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as old:
        old.execute(
            "INSERT INTO operation (id, store, number, type, record, action, payload, payload_sha256, at, state)"
            " VALUES ('o1', 's1', 1, 'case', 'r1', 'create', x'7b7d', 'd', 'now', 'pending')"
        )
        for table in ("operation", "batch"):
            old.execute(f"ALTER TABLE {table} DROP COLUMN schema")
        old.execute("PRAGMA user_version = 1")
    old.close()
    store = Store(path)
    try:
        found = store.one("SELECT id, schema FROM sendable")
        assert found is not None
        assert tuple(found) == ("o1", 1)
        assert store.count("PRAGMA user_version") == LAYOUT
    finally:
        store.close()
