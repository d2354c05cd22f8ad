"""Operations that cannot stand: each is quarantined alone, kept whole, and its neighbours are applied."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.auth import officers
from field_api.extensions import db
from field_api.problems import CATALOGUE
from sync.store.ids import new_id
from sync.store.tables import OperationRow, RecordRow
from tests.integration.batches import MOMENT, envelope, incident, operation, push, results, send
from tests.integration.people import Bureau, Handheld

MEBI = 1024 * 1024


@pytest.fixture
def handheld(bureau: Bureau) -> Handheld:
    return bureau.signed_in("demo01")


def take(handheld: Handheld, operations: list[Any]) -> list[dict[str, Any]]:
    """Push what orjson would not write: surrogates and numbers of any size."""
    answer = send(handheld, json.dumps(envelope(operations)).encode())
    assert len(answer.data) < 200_000
    return results(answer)


def stored(app: Flask, operation_id: str) -> Any:
    """The operation's row, whole."""
    with app.app_context():
        session = db.session()
        row = session.execute(
            sa.select(OperationRow.payload, OperationRow.outcome, OperationRow.seq).where(
                OperationRow.id == operation_id
            )
        ).one()
        db.session.remove()
    return row


def record_ids(app: Flask) -> set[str]:
    with app.app_context():
        found = set(db.session().scalars(sa.select(RecordRow.id).where(RecordRow.type.in_(["incident", "case"]))))
        db.session.remove()
    return found


def wrong(code: str, pointer: str | None, **changed: Any) -> tuple[dict[str, Any], str, str | None]:
    """The creation of an incident with something wrong in it."""
    return {**incident(), **changed}, code, pointer


def a_set(code: str, pointer: str | None, **values: Any) -> tuple[dict[str, Any], str, str | None]:
    return incident(**values), code, pointer


LONG = "x" * (MEBI // 2)


def bad_operations() -> dict[str, tuple[dict[str, Any], str, str | None]]:
    """What is wrong → (the operation, the problem's code, its pointer)."""
    return {
        "an address that is a number": a_set("invalid_field", "/set/address", address=5),
        "a position that is a text": a_set("invalid_field", "/set/position", position="here"),
        "a position off the globe": a_set("invalid_field", "/set/position/lng", position={"lng": 1e300, "lat": 0}),
        "a category that does not exist": a_set("invalid_field", "/set/category", category="9999"),
        "a category that is a list": a_set("invalid_field", "/set/category", category=[["0201"]]),
        "a description of a megabyte": a_set("invalid_field", "/set/description", description="x" * MEBI),
        "a field of no name": a_set("invalid_field", "/set/", **{"": 1}),
        "a field that does not exist": a_set("invalid_field", "/set/nothing", nothing=1),
        "a field name of half a megabyte": a_set("invalid_field", "/set/" + LONG[:64], **{LONG: 1}),
        "a time without an offset": wrong("invalid_field", "/at", at="2026-11-22T09:58:00"),
        "a time of half a megabyte": wrong("invalid_field", "/at", at=LONG),
        "no time": wrong("invalid_field", "/at", at=None),
        "a record that is no id": wrong("invalid_field", "/record", record="../../etc/passwd"),
        "a record in capitals": wrong("invalid_field", "/record", record=new_id().upper()),
        "a record that is a list": wrong("invalid_field", "/record", record=[new_id()]),
        "an action that does not exist": wrong("invalid_field", "/action", action="drop table"),
        "an action of half a megabyte": wrong("invalid_field", "/action", action=LONG),
        "an action that is a list": wrong("invalid_field", "/action", action=["create"]),
        "a type that does not exist": wrong("unknown_type", None, type="officers"),
        "a type that is a table of ours": wrong("unknown_type", None, type="sync_record"),
        "a type of half a megabyte": wrong("invalid_field", "/type", type=LONG),
        "a type that is a number": wrong("invalid_field", "/type", type=5),
        "a type of the server's": wrong("not_permitted", None, type="category", set={"code": "9999"}),
        "a set that is a list": wrong("invalid_field", "/set", set=[]),
        "an item that is a text": wrong("invalid_field", "/item", item="x"),
        "a number that is a text": wrong("invalid_field", "/number", number="5"),
        "a number below one": wrong("invalid_field", "/number", number=0),
        "a base below zero": wrong("invalid_field", "/base", base=-1),
        "a base that is a truth": wrong("invalid_field", "/base", base=True),
        "a base of two parts": wrong("invalid_field", "/base", base={"operation": new_id(), "x": 1}),
        "a clock that is none": wrong("invalid_field", "/hlc", hlc="x" * MEBI),
        "an integer beyond 2^53": a_set("invalid_field", "/set/position/lng", position={"lng": 2**53, "lat": 0}),
        "a number of a thousand digits": wrong("invalid_field", "/number", number=10**1000),
        "an integer that no double holds": a_set("invalid_field", "/set/address/1", address=[1, 10**400]),
        "NUL in a text": a_set("text_not_storable", "/set/description", description="a\0b"),
        "a lone surrogate": a_set("text_not_storable", "/set/description", description="a\ud800b"),
        "a surrogate pair the wrong way round": a_set("text_not_storable", "/set/address", address="\udc00\ud800"),
        "a lone surrogate deep inside": a_set("text_not_storable", "/set/position/lng/0", position={"lng": ["\udfff"]}),
        "NUL in a name": a_set("text_not_storable", "/set", **{"a\0": 1}),
        "a surrogate in a name": a_set("text_not_storable", "/set", **{"\ud800": 1}),
        "NUL in the type": wrong("text_not_storable", "/type", type="inci\0dent"),
        "a surrogate in an unknown part": wrong("text_not_storable", "/extra", extra="\ud800"),
    }  # fmt: skip


def test_what_is_wrong_is_pointed_at_and_kept_whole(app: Flask, handheld: Handheld) -> None:
    """Every bad operation of one batch has its own code and pointer, the good ones between them are applied."""
    bad = bad_operations()
    batch: list[Any] = []
    for one, _, _ in bad.values():
        batch += [incident(), one]
    answered = take(handheld, batch)
    assert [one["outcome"] for one in answered[::2]] == ["applied"] * len(bad)
    for (name, (sent, code, pointer)), result in zip(bad.items(), answered[1::2], strict=True):
        assert (result["id"], result["outcome"]) == (sent["id"], "quarantined"), name
        assert result["problem"]["code"] == code, (name, result)
        assert code in CATALOGUE
        pointers = [error["pointer"] for error in result["problem"]["errors"]]
        assert pointers == ([pointer] if pointer is not None else []), name
        row = stored(app, sent["id"])
        assert (json.loads(row.payload), row.outcome, row.seq) == (sent, "quarantined", None), name
    assert record_ids(app) == {one["record"] for one in batch[::2]}


def test_one_wrong_type_among_fifty_costs_one(app: Flask, handheld: Handheld) -> None:
    """49 of 50 are applied and 1 is quarantined with its pointer; the same batch again is 49 duplicates."""
    batch = [incident(description=f"第 {number} 件") for number in range(50)]
    batch[17]["set"]["description"] = {"not": "a text"}
    raw = orjson.dumps(envelope(batch))
    answered = results(send(handheld, raw))
    bad = answered.pop(17)
    assert bad["outcome"] == "quarantined"
    assert bad["problem"]["errors"][0]["pointer"] == "/set/description"
    assert [(one["outcome"], one["version"]) for one in answered] == [("applied", 1)] * 49
    again = results(send(handheld, raw))
    assert again.pop(17) == bad
    assert again == [{**one, "duplicate": True} for one in answered]
    assert record_ids(app) == {one["record"] for one in batch} - {batch[17]["record"]}


def test_what_is_no_operation_is_kept_whole_too(app: Flask, handheld: Handheld) -> None:
    """Numbers, texts, lists and objects without an id are quarantined under names of their own."""
    strange: list[Any] = [None, True, 5, 10**300, "text", "\ud800", "a\0b", [], [[1]], {}, {"id": 5}, {"id": "x" * 500}]
    strange += [{"id": new_id().upper()}, {"\ud800": "\0"}, LONG]
    good = incident()
    answered = take(handheld, [*strange, good, *strange])
    assert answered.pop(len(strange))["outcome"] == "applied"
    assert {one["outcome"] for one in answered} == {"quarantined"}
    names = [one["id"] for one in answered]
    assert names[: len(strange)] == names[len(strange) :]
    assert len(set(names)) == len(strange)
    assert [json.loads(stored(app, name).payload) for name in names[: len(strange)]] == strange
    assert record_ids(app) == {good["record"]}


def test_a_record_of_another_unit_is_out_of_scope(app: Flask, bureau: Bureau, handheld: Handheld) -> None:
    """Whoever knows the id of another unit's record can neither change nor read it."""
    mine = incident(description="一中队的")
    assert results(push(handheld, [mine]))[0]["outcome"] == "applied"
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    bureau.officer("demo02", unit="u2")
    stranger = bureau.handheld()
    stranger.sign_in("demo02")
    edits = [
        operation("patch", "incident", mine["record"], base=1, set={"description": "改"}),
        operation("append", "incident", mine["record"], list="notes", item={"id": new_id(), "text": "x", "at": MOMENT}),
    ]
    for result in results(push(stranger, edits)):
        assert (result["outcome"], result["problem"]["code"]) == ("quarantined", "out_of_scope")
        assert "一中队的" not in json.dumps(result, ensure_ascii=False)
    page = stranger.post("/sync/pull", {"cursor": None, "lanes": ["records"]}, headers=stranger.bearer)
    assert page.json["changes"] == []


def test_the_same_id_with_another_content_is_kept_apart(app: Flask, handheld: Handheld) -> None:
    """Neither a later batch nor the same one can change what an operation id stands for."""
    first = incident(description="先")
    assert results(push(handheld, [first]))[0]["outcome"] == "applied"
    other = {**first, "set": {**first["set"], "description": "后"}}
    twin = incident(description="甲")
    twin_other = {**twin, "set": {**twin["set"], "description": "\ud800"}}
    answered = take(handheld, [other, twin, twin_other])
    assert [one["outcome"] for one in answered] == ["quarantined", "applied", "quarantined"]
    assert [one["problem"]["code"] for one in answered[::2]] == ["operation_id_reused"] * 2
    assert json.loads(stored(app, first["id"]).payload) == first
    assert json.loads(stored(app, twin["id"]).payload) == twin


def test_a_quarantined_operation_can_be_read(bureau: Bureau, handheld: Handheld) -> None:
    """Whatever is in quarantine, the list that supervisors read shows it whole."""
    sent = [one for one, _, _ in bad_operations().values() if len(json.dumps(one)) < 10_000]
    take(handheld, [*sent, "\ud800", 10**300])
    supervisor = bureau.signed_in("demo03", "supervisor")
    listed = supervisor.client.get("/api/v1/quarantine", headers=supervisor.bearer)
    assert listed.status_code == 200, listed.text
    shown = {item["id"]: item["payload"] for item in json.loads(listed.data)}
    readable = [one for one in sent if shown.get(one["id"]) == one]
    assert len(readable) == len(sent)
