"""Repair: a terminal's damaged copy is made whole by one exchange that moves no more than it must."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa
import time_machine
import zstandard
from flask import Flask

from field_api.auth import limits, officers
from reference.terminal import Terminal as Handset
from reference.terminal import Verdict
from sync.engine.cursor import Cursor, Move, Refill, digest_of, pack, unpack
from sync.store.ids import new_id
from sync.store.tables import OperationRow, RecordRow, Sequence
from tests.integration.field import CATEGORY, Terminal, bucket, terminal
from tests.integration.people import PASSWORD, Bureau, now, problem


def cases(own: Terminal, count: int) -> list[str]:
    made = [own.create("case") for _ in range(count)]
    own.done(*made)
    return [one["record"] for one in made]


def void(bureau: Bureau, record: str, reason: str) -> None:
    """Void a record in the tables, as an operation does: a version, a change sequence, an entry in the history."""

    def work(session: Any) -> None:
        seq = session.scalar(sa.update(Sequence).values(value=Sequence.value + 1).returning(Sequence.value))
        session.execute(
            sa.update(RecordRow)
            .where(RecordRow.id == record)
            .values(void=reason, version=RecordRow.version + 1, seq=seq)
        )
        session.execute(sa.text("UPDATE sync_audience SET seq = :s WHERE record = :r"), {"s": seq, "r": record})
        columns = [column for column in OperationRow.__table__.columns if column.name != "id"]
        old = session.execute(sa.select(*columns).where(OperationRow.record == record)).first()
        values = dict(old._mapping) | {"id": new_id(), "number": None, "action": "void", "seq": seq}
        values["version"] = session.scalar(sa.select(RecordRow.version).where(RecordRow.id == record))
        session.execute(sa.insert(OperationRow).values(**values))

    bureau.change(work)


def test_equal_copies_transfer_nothing(bureau: Bureau) -> None:
    """Nothing is replaced, nothing sent; not either when own edits are known that were not pulled."""
    own = terminal(bureau, "zhang")
    records = cases(own, 20)
    own.pull()
    assert own.repair() == (set(), [])
    own.done(own.patch("case", records[0], 1, description="x"))
    kind, version, body = own.held[records[0]]
    own.held[records[0]] = (kind, version + 1, body)
    replaced, _ = own.repair()
    assert replaced == set()


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_only_the_buckets_that_differ_are_sent(bureau: Bureau, limit: int) -> None:
    """Lost, altered, invented and damaged records are mended in pages of any size, the rest does not move."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    records = cases(own, 40)
    own.pull()
    sound = dict(own.held)
    lost, altered, damaged = records[3], records[7], records[11]
    del own.held[lost]
    own.held[altered] = ("case", 9, {})
    own.held[damaged] = ("case", 1, {"broken": True})
    invented = new_id()
    own.held[invented] = ("case", 1, {})
    replaced, changes = own.repair([damaged], limit=limit)
    assert replaced == {bucket(one) for one in (lost, altered, damaged, invented)}
    assert {bucket(one["record"]) for one in changes} <= replaced
    assert own.held == sound
    late = cases(other, 3)
    assert {one["record"] for one in own.pull()} == set(late)


def test_a_repair_over_changes_ends_where_a_pull_would(bureau: Bureau) -> None:
    """Damage anywhere, also half-way through a first pull, with others writing between the pages."""
    dice = random.Random(5)
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    for _ in range(6):
        incident = other.create("incident")
        case = other.create("case", incident=incident["record"])
        other.done(incident, case, other.photo(case["record"], other.officer))
        own.page(limit=dice.choice((2, 500)))
        for record in dice.sample(sorted(own.held), min(3, len(own.held))):
            kind, version, body = own.held.pop(record)
            if dice.random() < 0.5:
                own.held[record] = (kind, version + 3, body)
        other.done(other.patch("case", case["record"], 1, description="later"))
        own.repair(limit=dice.choice((1, 4, 500)))
        assert own.pull() == []
    other.pull()
    assert own.held == other.held


def test_repairs_are_counted_where_they_begin(bureau: Bureau) -> None:
    """A terminal begins so many in a quarter of an hour; what was begun ends, others and pulls are not held up."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    cases(own, 10)
    own.pull()
    for _ in range(limits.REPAIRS - 1):
        assert own.repair() == (set(), [])
    asked = {"cursor": None, "buckets": Terminal(own.handheld).sums(), "limit": 1}
    path, options = "/api/v1/sync/repair", {"headers": own.handheld.bearer}
    pages = [own.handheld.client.post(path, json=asked, **options).json]
    while pages[-1]["more"]:
        answer = own.handheld.client.post(path, json=asked | {"cursor": pages[-1]["cursor"]}, **options)
        assert answer.status_code == 200
        pages.append(answer.json)
    assert len(pages) >= 10
    refused = own.handheld.client.post(path, json=asked, **options)
    assert problem(refused) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= limits.WINDOW.total_seconds()
    own.pull()
    other.pull()
    assert other.repair() == (set(), [])
    with time_machine.travel(now() + limits.WINDOW):
        own.handheld.sign_in("zhang")
        assert own.repair() == (set(), [])


def test_scopes_may_change_in_the_middle_of_a_repair(bureau: Bureau) -> None:
    """What was lost between two of its pages is not sent and goes, what was gained comes."""
    for code in ("u2", "u3"):
        bureau.change(lambda session, code=code: officers.add_unit(session, code, f"演示 {code}"))
    own = terminal(bureau, "zhang")
    bureau.assign(own.officer, units=("u2",))
    mine, theirs = cases(own, 10), cases(terminal(bureau, "wang", unit="u2"), 10)
    others = cases(terminal(bureau, "li", unit="u3"), 10)
    own.pull()
    own.held = {record: named for record, named in own.held.items() if record not in {*mine, *theirs}}
    body = {"cursor": own.cursor, "buckets": own.sums(), "limit": 4}
    page = own.handheld.client.post("/api/v1/sync/repair", json=body, headers=own.handheld.bearer).json
    own.take_in(page)
    assert page["more"]
    bureau.assign(own.officer, units=("u3",))
    after = own.pull(limit=4)
    assert not {one["record"] for one in after if one["action"] == "put"} & set(theirs)
    assert {*mine, *others} <= own.held.keys()
    assert not set(theirs) & own.held.keys()


def test_a_repair_settles_a_change_of_scopes(bureau: Bureau) -> None:
    """Asked for before the pull that would have told, it takes away and brings as that would have."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    own = terminal(bureau, "zhang")
    mine, theirs = cases(own, 5), cases(terminal(bureau, "wang", unit="u2"), 5)
    own.pull()
    bureau.assign(own.officer, unit="u2")
    own.repair(limit=3)
    assert set(theirs) <= own.held.keys()
    assert not set(mine) & own.held.keys()


def test_a_void_is_pulled_counted_and_repaired(bureau: Bureau) -> None:
    """It comes with version and reason, without a body, and stands in checkpoints and sums."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    records = cases(own, 5)
    own.pull()
    void(bureau, records[2], "重复 · twice")
    [change] = own.pull()
    assert change == {
        "action": "void", "type": "case", "record": records[2], "version": 2, "reason": "重复 · twice",
    }  # fmt: skip
    other.pull()
    assert other.voided == {records[2]: "重复 · twice"}
    del own.held[records[2]]
    replaced, changes = own.repair()
    assert replaced == {bucket(records[2])}
    assert change in changes


WRONG_SUMS = (
    None, [], ["0" * 16] * 255, ["0" * 15] * 256, ["G" * 16] * 256, [0] * 256, [["0"]] * 256, "0" * 256,
)  # fmt: skip


def test_sums_that_are_none_are_refused(bureau: Bureau) -> None:
    """Anything but 256 times 16 hex digits is the envelope's fault, not the server's."""
    own = terminal(bureau, "zhang")
    for sums in WRONG_SUMS:
        answer = own.handheld.client.post("/api/v1/sync/repair", json={"buckets": sums}, headers=own.handheld.bearer)
        assert problem(answer) == (422, "envelope_invalid")


def test_a_cursor_keeps_all_its_parts() -> None:
    """What is packed is unpacked: moves and repairs under way, to the first and the last bucket and record."""
    dice = random.Random(3)
    for after in ("", new_id(), "ffffffff-ffff-ffff-ffff-ffffffffffff"):
        for move in (None, Move(digest_of("a"), digest_of("b"), dice.random() < 0.5, after, 2**48 - 1)):
            for refill in (None, Refill(frozenset({0, 7, 255}), after), Refill(frozenset(), after, done=True)):
                cursor = Cursor(digest_of(()), heard=9, move=move, refill=refill)
                cursor.lanes["records"].sum = 2**64 - 1
                assert unpack(pack(cursor)) == cursor


def test_a_page_is_sent_compressed(bureau: Bureau) -> None:
    """A page of many alike records shrinks to a small part, by zstd as by gzip, and says the same."""
    own = terminal(bureau, "zhang")
    cases(own, 60)
    plain = own.ask().data
    for encoding, unpacked in (("zstd", zstandard.ZstdDecompressor().decompressobj().decompress), ("gzip", None)):
        headers = {**own.handheld.bearer, "Accept-Encoding": encoding}
        answer = own.handheld.client.post("/api/v1/sync/pull", json={"cursor": None}, headers=headers)
        assert answer.headers["Content-Encoding"] == encoding
        assert len(answer.data) * 3 < len(plain)
        if unpacked:
            assert orjson.loads(unpacked(answer.data)) == orjson.loads(plain)


# The reference terminal against the application.


@pytest.fixture
def handset(app: Flask, bureau: Bureau, tmp_path: Path) -> Iterator[Handset]:
    """The reference terminal, enrolled and signed in, in this very process."""
    bureau.officer("zhao")
    with Handset(tmp_path / "handset", "http://fieldpost", transport=httpx.WSGITransport(app=app)) as own:
        assert own.enrol(bureau.code(), "演示机").verdict is Verdict.OK
        assert own.sign_in("zhao", PASSWORD).verdict is Verdict.OK
        yield own


def rows(own: Handset) -> list[tuple[Any, ...]]:
    columns = "id, type, version, body, body_sha256, masked, void, reason"
    return [tuple(row) for row in own.store.all(f"SELECT {columns} FROM record WHERE evicted = 0 ORDER BY id")]


@pytest.mark.parametrize("seed", range(3))
def test_one_exchange_repairs_the_real_clients_store(bureau: Bureau, handset: Handset, seed: int) -> None:
    """Rows lost, bodies rotten, versions wrong, at random: after one pull all is as before, unsent work too."""
    dice = random.Random(seed)
    other = terminal(bureau, "wang")
    records = cases(other, 60)
    void(bureau, records[5], "重复")
    assert handset.pull().matches is True
    unsent = handset.create("case", {"category": CATEGORY, "description": "unsent"})
    sound = rows(handset)
    hurt = dice.sample(records, 8)
    for record in hurt:
        damage = dice.choice(
            (
                "DELETE FROM record WHERE id = ?",
                "UPDATE record SET body = '{\"x\":1}' WHERE id = ?",
                "UPDATE record SET version = version + 5 WHERE id = ?",
            )
        )
        handset.store.execute(damage, record)
    report = handset.pull()
    assert report.matches is True
    assert rows(handset) == sound
    touched = {bucket(record) for record in hurt}
    assert report.changed <= sum(bucket(row[0]) in touched for row in sound)
    assert [queued.record for queued in handset.queue()] == [unsent]


def test_a_repair_that_breaks_off_is_gone_on_with(bureau: Bureau, handset: Handset) -> None:
    """Each page is kept with its cursor, so that the next pull ends what was begun."""
    other = terminal(bureau, "wang")
    cases(other, 30)
    handset.pull()
    sound = rows(handset)
    for row in sound[::3]:
        handset.store.execute("UPDATE record SET version = version + 1 WHERE id = ?", row[0])
    pull = handset._pull
    body = {"cursor": handset.store.get("cursor"), "buckets": pull._sums(), "limit": 2}
    reply = handset.session.send_json("POST", "/api/v1/sync/repair", body)
    assert pull.apply_page(body["cursor"], reply.document) > 0
    assert reply.document["more"]
    assert handset.pull().matches is True
    assert rows(handset) == sound


def test_the_real_client_follows_its_officer_from_unit_to_unit(bureau: Bureau, handset: Handset) -> None:
    """What he lost is gone from the store, byte for byte, what he gained is there, and he never pulls afresh."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    there = terminal(bureau, "wang", unit="u2")
    theirs = cases(there, 3)
    secret = handset.create("case", {"category": CATEGORY, "description": "secret words"})
    handset.sync()
    generation = handset.store.get("generation", 0)
    bureau.assign(handset.store.get("officer")["id"], unit="u2")
    report = handset.sync()
    assert report.pull is not None
    assert report.pull.matches is True
    assert handset.record(secret) is None
    assert all(handset.record(record) is not None for record in theirs)
    assert "secret words" not in str(rows(handset))
    assert handset.store.get("generation", 0) == generation


def test_a_new_epoch_replaces_the_copy_and_keeps_what_is_unsent(bureau: Bureau, handset: Handset) -> None:
    """After 410 all is pulled afresh; what was not sent is, and both sides agree."""
    other = terminal(bureau, "wang")
    records = cases(other, 4)
    handset.sync()
    unsent = handset.create("case", {"category": CATEGORY, "description": "unsent"})
    bureau.change(lambda session: session.execute(sa.update(Sequence).values(epoch=new_id())))
    report = handset.pull()
    assert (report.verdict, report.matches) == (Verdict.OK, True)
    assert [queued.record for queued in handset.queue()] == [unsent]
    assert handset.sync().verdict is Verdict.OK
    assert {unsent, *records} <= {one.id for one in handset.records("case")}
    assert handset.queue() == []
