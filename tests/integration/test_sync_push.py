"""What a push answers: each operation's outcome, the same again when it is repeated, and a receipt for all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Flask

from field_api.auth import terminals
from field_api.extensions import db
from tests.integration.field import Terminal, instant, new_id, read_jws, terminal
from tests.integration.people import Bureau


def test_the_four_actions_are_answered_in_order_with_versions(bureau: Bureau) -> None:
    """create, append, patch and transition of one batch are applied one after the other, a version each."""
    own = terminal(bureau, "zhang")
    case = own.create("case", description="old")
    record = case["record"]
    results = own.done(
        case,
        own.append("case", record, "timeline", step="persuade"),
        own.patch("case", record, 1, description="new"),
        own.step(record, "register", 3),
    )
    assert [one["version"] for one in results] == [1, 2, 3, 4]
    assert all(one.keys() == {"id", "outcome", "version"} for one in results)
    own.pull()
    body = own.body(record)
    assert (body["description"], body["status"], body["author"]) == ("new", "registered", own.officer)
    assert [step["step"] for step in body["timeline"]] == ["persuade"]
    assert body["case_no"]


def test_an_equal_value_and_an_equal_create_are_unchanged(bureau: Bureau) -> None:
    """What was so already changes no version."""
    own = terminal(bureau, "zhang")
    case = own.create("case", description="x")
    own.done(case)
    results = own.send(
        own.patch("case", case["record"], 1, description="x"),
        case | {"id": new_id(), "number": 77},
        own.create("case", case["record"], description="y"),
    )
    assert [one["outcome"] for one in results] == ["unchanged", "unchanged", "quarantined"]
    assert results[2]["problem"]["code"] == "record_exists"
    assert results[0]["version"] == 1


def _mixed(bureau: Bureau) -> tuple[Terminal, list[dict[str, Any]]]:
    """A terminal, and operations that end in every outcome this release has."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    case, bare = own.create("case", description="a", party={"name": "甲"}), own.create("case")
    own.done(case, bare)
    record = case["record"]
    other.done(other.patch("case", record, 1, description="b"), other.step(record, "register", 1))
    # An own store has seen its own values only; these were written by the other.
    return own, [
        own.patch("case", record, 1, address="x"),
        own.patch("case", record, 1, description="c", shop_name="s"),
        own.step(record, "decide", 1),
        own.patch("case", record, 1, address="x"),
        own.patch("case", record, 1, amount_fen="many"),
    ]


OUTCOMES = ["applied", "merged", "proposed", "unchanged", "quarantined"]


def test_a_repeated_push_gets_equal_answers(bureau: Bureau) -> None:
    """The same batch, other batches and other orders answer alike; final outcomes say that they are duplicates."""
    own, operations = _mixed(bureau)
    first = own.push(*operations)
    assert [one["outcome"] for one in first["results"]] == OUTCOMES
    again = own.push(*operations, batch=first["batch"])["results"]
    split = [own.send(one)[0] for one in reversed(operations)][::-1]
    twice = own.send(*operations, *operations)
    for answers in (again, split, twice[:5], twice[5:]):
        for before, after in zip(first["results"], answers, strict=True):
            final = before["outcome"] != "quarantined"
            assert after == before | ({"duplicate": True} if final else {})
    own.pull()


def test_an_operation_twice_in_one_batch_takes_effect_once(bureau: Bureau) -> None:
    """The second of two equal operations in a batch is a duplicate of the first."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    append = own.append("case", case["record"], "notes", text="x")
    results = own.send(case, append, append, case)
    assert [one.get("duplicate", False) for one in results] == [False, False, True, True]
    assert [one["version"] for one in results] == [1, 2, 2, 1]


def test_another_payload_under_a_known_id_is_kept_whole_and_the_first_answer_stands(bureau: Bureau) -> None:
    """operation_id_reused, whether both come together or apart, and again the same for each."""
    own = terminal(bureau, "zhang")
    for together in (True, False):
        case = own.create("case", description="one")
        other = case | {"set": case["set"] | {"description": "two"}}
        first = own.send(case, other) if together else own.send(case) + own.send(other)
        assert [one["outcome"] for one in first] == ["applied", "quarantined"]
        assert first[1]["problem"]["code"] == "operation_id_reused"
        for again in (own.send(case, other), own.send(case) + own.send(other)):
            assert again == [first[0] | {"duplicate": True}, first[1]]
        own.pull()
        assert own.body(case["record"])["description"] == "one"
    supervisor = terminal(bureau, "li", "supervisor")
    kept = supervisor.handheld.client.get("/api/v1/quarantine", headers=supervisor.handheld.bearer).json
    assert [one["payload"]["set"]["description"] for one in kept] == ["two", "two"]


def test_receipts_verify_and_chain_by_store(bureau: Bureau) -> None:
    """Each receipt is signed by a key of the JWKS, names its batch and results, and its store's last receipt."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    jwks = own.handheld.client.get("/.well-known/jwks.json").json
    previous: dict[str, str | None] = {}
    for one in (own, other, own, own, other):
        operation = one.create("case")
        answer = one.push(operation)
        receipt = read_jws(answer["receipt"], jwks)
        assert receipt["previous"] == previous.get(one.store)
        assert (receipt["terminal"], receipt["store"]) == (one.handheld.id, one.store)
        assert receipt["batch"] == answer["batch"]
        [[number, operation_id, sha256, outcome, version]] = receipt["results"]
        assert (number, operation_id, outcome, version) == (operation["number"], operation["id"], "applied", 1)
        assert len(sha256) == 64
        previous[one.store] = hashlib.sha256(answer["receipt"].encode()).hexdigest()


def test_a_store_of_another_terminal_is_refused(bureau: Bureau) -> None:
    """Nobody pushes as another's store, nor as one of the server's own names, so as to have seen its values."""
    own, thief = terminal(bureau, "zhang"), terminal(bureau, "wang")
    own.done(own.create("case"))
    for store in (own.store, "server", f"console:{own.officer}", ""):
        thief.store = store
        answer = thief.post([thief.create("case")])
        assert (answer.status_code, answer.json["code"]) == (422, "envelope_invalid")


def test_missing_numbers_are_named_and_reused_ones_flagged(bureau: Bureau) -> None:
    """Gaps are named until they are filled; a number under another id is processed and flagged."""
    own = terminal(bureau, "zhang")
    made = [own.create("case") for _ in range(9)]
    answer = own.push(made[0], made[4], made[8])
    assert (answer["highest_number"], answer["missing_numbers"]) == (9, [[2, 4], [6, 8]])
    assert own.push(made[2], made[6])["missing_numbers"] == [[2, 2], [4, 4], [6, 6], [8, 8]]
    assert own.push(made[1], made[3], made[5], made[7])["missing_numbers"] == []
    clone, twin = own.create("case") | {"number": 5}, own.create("case")
    results = own.send(clone, twin, own.create("case") | {"number": twin["number"]}, twin)
    assert [one["outcome"] for one in results] == ["applied"] * 4
    assert [one.get("flags") for one in results] == [["number_reused"], None, ["number_reused"], None]


def test_a_hybrid_clock_ahead_is_flagged_too(bureau: Bureau) -> None:
    """Of one operation, or of the envelope: whoever is not believed is told so; a wall clock may be right beside it."""
    own = terminal(bureau, "zhang")
    far = f"{int((datetime.now(UTC) + timedelta(days=3)).timestamp() * 1000):012x}-0000-t1"
    one, other = own.create("case") | {"hlc": far}, own.create("case")
    assert [result.get("flags") for result in own.send(one, other)] == [["clock_suspect"], None]
    [result] = own.send(own.create("case"), clock={"wall": instant(), "hlc": far})
    assert result["flags"] == ["clock_suspect"]


def test_a_clock_ahead_is_flagged_and_nothing_is_refused(bureau: Bureau) -> None:
    """Three days ahead: applied, clock_suspect, the server's clock unmoved, the capture time corrected."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    own.done(case)
    ahead = datetime.now(UTC) + timedelta(days=3)
    ms = int(ahead.timestamp() * 1000)
    taken = ahead - timedelta(minutes=10)
    photo = own.photo(case["record"], own.officer, captured_at=taken.isoformat()) | {
        "at": taken.isoformat(), "hlc": f"{ms:012x}-0000-t1", "boot": "b1", "monotonic_ms": 1_000_000,
    }  # fmt: skip
    clock = {"wall": ahead.isoformat(), "hlc": f"{ms:012x}-0000-t1", "boot": "b1", "monotonic_ms": 1_600_000}
    before = datetime.now(UTC)
    answer = own.push(photo, clock=clock)
    after = datetime.now(UTC)
    assert answer["results"][0] == {"id": photo["id"], "outcome": "applied", "version": 1, "flags": ["clock_suspect"]}
    assert int(answer["server_hlc"][:12], 16) <= int(after.timestamp() * 1000) + 1
    own.pull()
    body = own.body(photo["record"])
    corrected = datetime.fromisoformat(body["captured_at_corrected"])
    slack = timedelta(minutes=10, milliseconds=1)
    assert before - slack <= corrected <= after - timedelta(minutes=10)
    assert body["captured_at"] == taken.isoformat()


def test_a_restart_since_the_capture_leaves_no_corrected_time(bureau: Bureau) -> None:
    """Another boot's monotonic clock says nothing, and nothing is made up from it."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    photo = own.photo(case["record"], own.officer) | {"boot": "b1", "monotonic_ms": 1}
    own.clock = {"boot": "b2", "monotonic_ms": 500}
    own.done(case, photo)
    own.pull()
    assert own.body(photo["record"])["captured_at_corrected"] is None


def test_a_revoked_terminal_is_received_and_all_of_it_quarantined(bureau: Bureau) -> None:
    """200; what is new is kept as terminal_revoked, what was final before is answered as it was."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    [before] = own.send(case)
    bureau.change(lambda session: terminals.revoke(session, own.handheld.id, datetime.now(UTC)))
    results = own.send(case, own.create("case"))
    assert results[0] == before | {"duplicate": True}
    assert (results[1]["outcome"], results[1]["problem"]["code"]) == ("quarantined", "terminal_revoked")
    assert own.ask().status_code == 403


def _statements(app: Flask, work: Callable[[], Any]) -> int:
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
    return len(seen)


def test_a_push_of_fifty_takes_as_many_statements_as_one_of_two(bureau: Bureau, app: Flask) -> None:
    """Creates, numbered cases, photos, edits and appends: the statements do not grow with the batch."""
    own = terminal(bureau, "zhang")
    old = [own.create("case") for _ in range(60)]
    own.done(*old)

    def batch(size: int) -> list[dict[str, Any]]:
        made = [own.create("case") for _ in range(size)]
        return [
            *made,
            *(own.step(one["record"], "register") for one in made),
            *(own.photo(one["record"], own.officer) for one in made),
            *(own.patch("case", one["record"], 1, description=new_id()) for one in old[:size]),
            *(own.append("case", one["record"], "notes", text="x") for one in old[:size]),
        ]

    many, few = batch(50), batch(2)
    own.done(own.create("case"))
    assert _statements(app, lambda: own.done(*many)) == _statements(app, lambda: own.done(*few))


def test_a_base_of_another_record_is_no_base(bureau: Bureau) -> None:
    """An edit that rests on an operation of another record is quarantined; nothing was seen by it."""
    own = terminal(bureau, "zhang")
    one, other = own.create("case"), own.create("case")
    own.done(one, other)
    [refused] = own.send(own.patch("case", other["record"], {"operation": one["id"]}, description="x"))
    assert refused["outcome"] == "quarantined"
    assert refused["problem"]["errors"][0]["pointer"] == "/base"


def test_unknown_members_are_kept_and_never_refused(bureau: Bureau) -> None:
    """What a newer terminal adds beside `set` and in the envelope changes no outcome, and stays in the payload."""
    own = terminal(bureau, "zhang")
    case = own.create("case") | {"mood": {"of": ["the", "day"]}}
    [result] = own.send(case, weather="雨", clock={"wall": case["at"], "sundial": 7})
    assert result["outcome"] == "applied"
    with bureau.app.app_context():
        query = sa.text("SELECT payload FROM sync_operation WHERE id = :id")
        payload = db.session.execute(query, {"id": case["id"]}).scalar_one()
    assert orjson.loads(payload) == case
