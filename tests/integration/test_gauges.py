"""Gauges: what waits is counted as the database has it, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from field_api import alerts, gauges
from field_api.casework import delivery, evidence
from field_api.config import Config
from field_api.extensions import db
from field_api.metrics import gauges as registered
from media.tables import Blob
from sync.store import outbox
from sync.store.ids import new_id
from sync.store.outbox import OutboxRow
from sync.store.tables import StoreRow
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau, now

MOMENT = "2026-11-22T10:00:00+08:00"


@pytest.fixture
def told(app: Flask) -> Callable[[str], dict[tuple[str, ...], float]]:
    """Read a gauge as it is now, by its labels."""

    def read(name: str) -> dict[tuple[str, ...], float]:
        with app.app_context():
            values = registered[f"fieldpost_{name}"].read(db.session())
            return {tuple(labels): value for labels, value in values}

    return read


def put(bureau: Bureau, kind: str, state: str, due_in_s: float = 0) -> None:
    """A row of the outbox in a state."""
    row = new_id()

    def work(session: Any) -> None:
        outbox.put(session, kind=kind, key=row, subject=row, version=1, now=now())
        due_at = now() + timedelta(seconds=due_in_s)
        session.execute(sa.update(OutboxRow).where(OutboxRow.key == row).values(state=state, due_at=due_at))

    bureau.change(work)


def silence(bureau: Bureau, *stores: str, days: float = 2) -> None:
    """Have stores been unheard of for so long."""
    query = sa.update(StoreRow).where(StoreRow.id.in_(stores)).values(last_seen_at=now() - timedelta(days=days))
    bureau.change(lambda session: session.execute(query))


def incident(one: Terminal, **values: Any) -> dict[str, Any]:
    return one.create("incident", **({"occurred_at": MOMENT} | values))


def test_the_outbox_is_counted_by_kind_and_state(bureau: Bureau, told: Any) -> None:
    """Every state that is not history has its series, also where it counts nothing."""
    assert set(told("outbox_rows").values()) == {0.0}
    for state in ("waiting", "waiting", "running", "held", "refused", "done", "cancelled"):
        put(bureau, delivery.KIND, state)
    put(bureau, evidence.DERIVE, "held")
    rows = told("outbox_rows")
    assert {state: rows[delivery.KIND, state] for state in gauges.STATES} == {
        "waiting": 2, "running": 1, "held": 1, "refused": 1,
    }  # fmt: skip
    assert rows[evidence.DERIVE, "held"] == 1
    assert len(rows) == len(gauges.KINDS) * len(gauges.STATES)


def test_the_oldest_due_row_tells_how_long_nobody_came(bureau: Bureau, told: Any) -> None:
    """Only a row that could be worked on ages: neither one of later, nor one that is held or done."""
    put(bureau, delivery.KIND, "waiting", due_in_s=3600)
    for state in ("held", "done"):
        put(bureau, delivery.KIND, state, due_in_s=-9000)
    assert told("outbox_due_seconds") == {(kind,): 0.0 for kind in gauges.KINDS}
    put(bureau, delivery.KIND, "running", due_in_s=-600)
    put(bureau, evidence.DERIVE, "waiting", due_in_s=-60)
    ages = told("outbox_due_seconds")
    assert 600 <= ages[delivery.KIND,] < 700
    assert 60 <= ages[evidence.DERIVE,] < 160


def test_what_waits_for_people_is_counted(bureau: Bureau, told: Any) -> None:
    """A conflict counts while it is open, an operation while it is kept unapplied."""
    one, other = terminal(bureau, "one"), terminal(bureau, "other")
    record = incident(one, description="a")
    one.done(record)
    before = {name: told(name) for name in ("conflicts_open", "operations_open")}
    assert before == {"conflicts_open": {(): 0}, "operations_open": {("quarantined",): 0, ("parked",): 0}}
    one.done(one.patch("incident", record["record"], 1, description="b"))
    [lost] = other.send(other.patch("incident", record["record"], 1, description="c"))
    assert lost["outcome"] == "merged"
    [refused] = one.send(one.create("no_such_type"))
    assert refused["outcome"] == "quarantined"
    assert told("conflicts_open") == {(): 1}
    assert told("operations_open") == {("quarantined",): 1, ("parked",): 0}


def test_a_silent_terminal_counts_while_it_holds_unsent_work(bureau: Bureau, told: Any) -> None:
    """Silence alone is none, nor what the last push brought; what did not come with it is."""
    done, behind, lately = (terminal(bureau, name) for name in ("done", "behind", "lately"))
    done.push(incident(done), incident(done), done.create("no_such_type"), health={"pending": 3})
    for one in (behind, lately):
        one.push(incident(one), health={"pending": 4})
    assert told("terminals_silent") == {(): 0}
    silence(bureau, done.store, behind.store)
    silence(bureau, lately.store, days=0.5)
    assert told("terminals_silent") == {(): 1}


def test_a_replaced_store_and_a_revoked_terminal_are_not_waited_for(bureau: Bureau, told: Any) -> None:
    """Work that a reinstalled or revoked terminal will never send raises no alarm for ever."""
    reinstalled, revoked = terminal(bureau, "reinstalled"), terminal(bureau, "revoked")
    for one in (reinstalled, revoked):
        one.push(incident(one), health={"pending": 9})
    silence(bureau, reinstalled.store, revoked.store)
    assert told("terminals_silent") == {(): 2}
    again = Terminal(reinstalled.handheld, reinstalled.officer)
    again.push(incident(again), health={"pending": 1})
    assert told("terminals_silent") == {(): 1}
    admin = bureau.console("zhou")
    assert admin.post(f"/terminals/{revoked.handheld.id}/revocation", {}).status_code < 300
    assert told("terminals_silent") == {(): 0}


@pytest.mark.parametrize("health", [None, {}, {"pending": 0}])
def test_a_terminal_that_says_nothing_of_its_queue_holds_nothing(bureau: Bureau, told: Any, health: Any) -> None:
    """Where no number was told none is invented."""
    one = terminal(bureau, "one")
    one.push(incident(one), **({} if health is None else {"health": health}))
    silence(bureau, one.store)
    assert told("terminals_silent") == {(): 0}


def test_photos_and_the_disk_are_measured(app: Flask, bureau: Bureau, told: Any) -> None:
    """The originals' bytes are summed, and the disk's room is that of the data folder."""
    assert told("blob_bytes") == {(): 0}
    for number, size in enumerate((1000, 234)):
        row = {"sha256": f"{number:064x}", "size": size, "media_type": "image/jpeg", "stored_at": now()}
        bureau.change(lambda session, row=row: session.execute(sa.insert(Blob).values(row)))
    assert told("blob_bytes") == {(): 1234}
    assert 0 < told("data_free_bytes")[()] <= told("data_size_bytes")[()]


def scrape(app: Flask) -> dict[tuple[str, str], float]:
    text = app.test_client().get("/metrics").get_data(as_text=True)
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, sample.labels.get("state", "")): sample.value for sample in samples
            if sample.labels.get("kind", delivery.KIND) in (delivery.KIND, *alerts.KINDS)}


def test_all_of_them_are_served_and_the_database_is_asked_seldom(app: Flask, config: Config, bureau: Bureau) -> None:
    """A second scrape within the seconds that a value holds tells the same; another process reads anew."""
    first = scrape(app)
    assert {name for name in registered if name.startswith("fieldpost_")} <= {name for name, _ in first}
    put(bureau, delivery.KIND, "held")
    assert scrape(app)["fieldpost_outbox_rows", "held"] == 0
    app.extensions["fieldpost"].metrics._read.clear()
    assert scrape(app)["fieldpost_outbox_rows", "held"] == 1


def test_open_operations_are_found_by_their_index(app: Flask) -> None:
    """Counting what is open does not walk through all that ever arrived, which is never deleted."""
    with app.app_context():
        session = db.session()
        session.execute(sa.text("SELECT 1"))
        if session.get_bind().dialect.name == "postgresql":
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN" if session.get_bind().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        query = f"{explain} SELECT outcome, count(*) FROM sync_operation WHERE {gauges.OPEN.text} GROUP BY outcome"
        plan = str(session.execute(sa.text(query)).all())
        session.rollback()
    assert "ix_sync_operation_open" in plan
