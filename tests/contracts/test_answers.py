"""What real calls answer, against what the OpenAPI document says of them, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Map
from werkzeug.test import TestResponse

from field_api.auth.receipts import read_keys, verify
from field_api.casework.founding import found
from field_api.config import Config
from field_api.endpoint import Spec
from field_api.extensions import db, services
from field_api.openapi import ProblemSchema, codes_of
from field_api.transactions import write
from sync.store.ids import new_id
from tests.integration.batches import MOMENT, incident, operation, push, results, send
from tests.integration.people import Bureau, Handheld, now, running
from tests.support.answers import faults


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A founded application on a database of this test's own."""
    with running(Config(data=tmp_path / "data", database_url=database_url)) as flask_app:
        with flask_app.app_context():
            session = db.session()
            write(session, lambda: found(session, services().home, now()))
            db.session.remove()
        yield flask_app


@pytest.fixture
def bureau(app: Flask) -> Bureau:
    return Bureau(app)


def spec_of(app: Flask, answer: TestResponse) -> Spec:
    """The description of the call that gave this answer."""
    urls: Map = app.url_map
    name, _ = urls.bind("localhost").match(answer.request.path, method=answer.request.method)
    return app.view_functions[name].spec


def holds(app: Flask, answer: TestResponse) -> Any:
    """Check an answer, good or bad, against its call's description; returns its body."""
    spec = spec_of(app, answer)
    assert answer.headers["X-Request-Id"]
    if answer.status_code >= 400:
        body = answer.json
        assert answer.mimetype == "application/problem+json"
        assert faults(ProblemSchema(), body) == []
        assert body["code"] in codes_of(spec)
        assert body["status"] == answer.status_code
        assert ("Retry-After" in answer.headers) == (answer.status_code in (429, 503))
        return body
    assert answer.status_code == spec.status, answer.text
    if spec.status == 204:
        assert answer.data == b""
        return None
    body = answer.json
    assert spec.dump is not None
    shown = body if spec.many else [body]
    assert [fault for one in shown for fault in faults(spec.dump(), one)] == []
    return body


def case(record: str, **values: Any) -> dict[str, Any]:
    return operation("create", "case", record, set={"category": "0201", "occurred_at": MOMENT, **values})


def test_signing_in_and_out_answers_as_described(app: Flask, bureau: Bureau) -> None:
    """Enrolling, the nonce, both grants and signing out, with a refusal of each."""
    bureau.officer("demo01")
    handheld = Handheld(app.test_client())
    assert holds(app, handheld.enrol("no-such-code"))["code"] == "enrolment_invalid"
    holds(app, handheld.enrol(bureau.code()))
    holds(app, handheld.post("/tokens/challenges", {"terminal_id": handheld.id}))
    holds(app, handheld.keep(handheld.ask_password("demo01")))
    holds(app, handheld.keep(handheld.ask_refresh()))
    wrong = holds(app, handheld.ask_password("demo01", "wrong horse 2026"))
    assert (wrong["code"], wrong["retry"]) == ("credentials_wrong", "login")
    holds(app, handheld.client.delete("/api/v1/tokens/current", headers=handheld.bearer))
    out = holds(app, handheld.client.delete("/api/v1/tokens/current", headers=handheld.bearer))
    assert out["code"] == "token_revoked"


def test_the_law_answers_as_described(app: Flask, bureau: Bureau) -> None:
    """A plan with a finding, one without, and what is no question."""
    handheld = bureau.signed_in("demo01")
    for facts in ({"decision": {"kinds": ["fine"], "amount_fen": 25000}, "party": {"kind": "citizen"}}, {}, []):
        answer = handheld.post("/law/check", {"facts": facts}, headers=handheld.bearer)
        body = holds(app, answer)
        assert body.get("allowed", True) == (not body.get("findings"))


def test_syncing_answers_as_described(app: Flask, bureau: Bureau) -> None:
    """Hello, schema, a batch of every outcome that one terminal can bring about, the same again, and pages."""
    handheld = bureau.signed_in("demo01")
    holds(app, handheld.client.get("/api/v1/sync/hello", headers=handheld.bearer))
    holds(app, handheld.client.get("/api/v1/sync/schema", headers=handheld.bearer))
    first, record = incident(description="甲"), new_id()
    batch = [
        first,
        first,
        case(record, amount_fen=100),
        operation("patch", "case", record, base={"operation": new_id()}, set={"amount_fen": 1}),
        operation("patch", "case", record, base=1, set={"amount_fen": "1"}),
        operation("patch", "case", record, base=1, set={"amount_fen": 100, "case_no": "x"}),
        operation("transition", "case", record, base=1, event="pay"),
        {"no": "operation"},
    ]
    store = new_id()
    body = holds(app, push(handheld, batch, store=store))
    outcomes = [one["outcome"] for one in body["results"]]
    assert outcomes == [
        "applied", "applied", "applied", "parked", "quarantined", "merged", "proposed", "quarantined",
    ]  # fmt: skip
    again = holds(app, push(handheld, batch, store=store))
    assert [one["outcome"] for one in again["results"]] == outcomes
    keys = read_keys(handheld.client.get("/.well-known/jwks.json").json)
    assert verify([body["receipt"], again["receipt"]], keys).holds
    assert not verify([again["receipt"]], keys).holds
    cursor = None
    for _ in range(100):
        page = holds(app, handheld.post("/sync/pull", {"cursor": cursor, "limit": 50}, headers=handheld.bearer))
        cursor = page["cursor"]
        if not page["more"]:
            break
    assert "checkpoint" in page
    assert page["more"] is False
    assert holds(app, send(handheld, b"{", headers={"Content-Digest": ""}))["code"] == "body_damaged"


def test_settling_answers_as_described(app: Flask, bureau: Bureau) -> None:
    """A conflict of two officers, the lists a supervisor reads, his word on it, and verdicts."""
    one, other = bureau.signed_in("demo01"), bureau.signed_in("demo02")
    supervisor = bureau.signed_in("demo03", "supervisor")
    record = new_id()
    assert results(push(one, [case(record, amount_fen=100)]))[0]["outcome"] == "applied"
    for handheld, amount in ((one, 200), (other, 300)):
        edit = operation("patch", "case", record, base=1, set={"amount_fen": amount})
        body = holds(app, push(handheld, [edit]))
    assert body["results"][0]["conflicts"][0]["class"] == "manual"
    listed = holds(app, supervisor.client.get("/api/v1/conflicts", headers=supervisor.bearer))
    assert [item["record"] for item in listed] == [record]
    path = f"/conflicts/{listed[0]['id']}/resolution"
    word = {"id": new_id(), "keep": "mine", "reason": "现场核实"}
    settled = holds(app, supervisor.post(path, word, headers=supervisor.bearer))
    assert settled["state"] == "resolved"
    twice = supervisor.post(path, {**word, "id": new_id()}, headers=supervisor.bearer)
    assert holds(app, twice)["code"] == "already_resolved"
    assert holds(app, one.post(path, word, headers=one.bearer))["code"] == "not_permitted"
    verdict = {"id": new_id(), "verdict": "returned", "reason": "请补充"}
    holds(app, supervisor.post(f"/cases/{record}/reviews", verdict, headers=supervisor.bearer))
    missing = supervisor.post(f"/evidence/{new_id()}/reviews", verdict, headers=supervisor.bearer)
    assert holds(app, missing)["code"] == "not_found"
    holds(app, push(one, [operation("patch", "case", record, base=1, set={"amount_fen": "x"})]))
    kept = holds(app, supervisor.client.get("/api/v1/quarantine", headers=supervisor.bearer))
    assert [item["record"] for item in kept] == [record]


def test_every_call_that_is_there_names_its_answer(app: Flask) -> None:
    """No call under `/api/v1` leaves its answer undescribed: JSON by its schema, all else by its media types."""
    silent = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if re.match(r"/api/v1/(terminals|officers|tokens|sync|conflicts|quarantine|evidence|cases)", rule.rule)
        and (spec := getattr(app.view_functions[rule.endpoint], "spec", None)) is not None
        and spec.status == 200
        and (spec.dump is None) == (spec.media_types == ("application/json",))
    ]
    assert silent == []


class Inner(Schema):
    at = fields.Integer(required=True)


class Outer(Schema):
    id = fields.String(required=True)
    inner = fields.List(fields.Nested(Inner))
    words = fields.Dict(keys=fields.String(), values=fields.String())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"id": "a", "inner": [{"at": 1}], "words": {"x": "y"}}, []),
        ({}, ["/id: missing"]),
        ({"id": None}, ["/id: null"]),
        ({"id": 5}, ["/id: int 5"]),
        ({"id": "a", "more": 1}, ["/more: not declared"]),
        ({"id": "a", "inner": [{"at": True}]}, ["/inner/0/at: bool True"]),
        ({"id": "a", "inner": [{"at": 1}, {}]}, ["/inner/1/at: missing"]),
        ({"id": "a", "inner": {}}, ["/inner: not a list"]),
        ({"id": "a", "words": {"x": 1}}, ["/words/x: int 1"]),
        ([], [": not an object"]),
    ],
)
def test_the_check_finds_what_it_is_there_for(answer: Any, expected: list[str]) -> None:
    """Each kind of difference between an answer and its schema is named."""
    assert faults(Outer(), answer) == expected
