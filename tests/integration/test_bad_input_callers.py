"""Callers who are not whom they say, and requests for what is not there: each gets its code and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from sync.store.ids import new_id
from tests.integration.batches import counts, good, incident, operation, push, refused, send
from tests.integration.people import Bureau, Handheld


@pytest.fixture
def handheld(bureau: Bureau) -> Handheld:
    return bureau.signed_in("demo01")


def test_a_revoked_or_invented_token_opens_nothing(app: Flask, handheld: Handheld) -> None:
    """Tokens that are forged, cut, swapped, of the other use or no text at all are asked to sign in."""
    before = counts(app)
    forged = handheld.access[:-4] + ("AAAA" if handheld.access[-4:] != "AAAA" else "BBBB")
    for token in (forged, handheld.access[:20], handheld.refresh_token, "x" * 10_000, "é", "A" * 70, "null"):
        answer = send(handheld, good(), headers={"Authorization": f"Bearer {token}"})
        assert refused(answer, "token_revoked")["retry"] == "login"
    for header in ("", "Bearer", "Basic dTpw", f"Token {handheld.access}"):
        assert refused(send(handheld, good(), headers={"Authorization": header}), "token_missing")["retry"] == "login"
    assert counts(app) == before


def test_a_stale_token_asks_for_a_sign_in(handheld: Handheld) -> None:
    """Once the next pair has been used, the pair before it opens nothing any more."""
    old = handheld.access
    handheld.keep(handheld.ask_refresh())
    assert push(handheld, [incident()]).status_code == 200
    refused(send(handheld, good(), headers={"Authorization": f"Bearer {old}"}), "token_expired")


def pull(handheld: Handheld, **ask: Any) -> TestResponse:
    return handheld.post("/sync/pull", ask, headers=handheld.bearer)


def test_a_cursor_serves_only_whom_it_was_given_to(app: Flask, bureau: Bureau, handheld: Handheld) -> None:
    """Another officer's, another terminal's and another scope's cursor has expired; from null all comes again."""
    cursor = pull(handheld, cursor=None).json["cursor"]
    assert pull(handheld, cursor=cursor).status_code == 200
    other = bureau.signed_in("demo02")
    same_officer = bureau.handheld()
    same_officer.sign_in("demo01")
    same_terminal = Handheld(app.test_client())
    same_terminal.key, same_terminal.id = handheld.key, handheld.id
    same_terminal.sign_in("demo02")
    for stranger in (other, same_officer, same_terminal):
        body = refused(pull(stranger, cursor=cursor), "cursor_expired")
        assert (body["status"], body["retry"]) == (410, "resync")
        assert pull(stranger, cursor=None).status_code == 200


def test_a_forged_cursor_is_not_ours(handheld: Handheld) -> None:
    """A cursor changed anywhere, cut, made up or empty is `cursor_invalid`."""
    cursor = pull(handheld, cursor=None).json["cursor"]
    forged = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(0, len(cursor), 7)]
    forged += [cursor[:-5], cursor[:10], "AAAA", "!", "\u4e2d\u6587", "A" * 2000, "=", cursor + "AAAA"]
    for one in forged:
        assert refused(pull(handheld, cursor=one), "cursor_invalid")["retry"] == "resync"


ASKS: list[tuple[dict[str, Any], str]] = [
    ({"lanes": ["secrets"]}, "/lanes/0"), ({"lanes": []}, "/lanes"), ({"lanes": "records"}, "/lanes"),
    ({"lanes": ["records"] * 3}, "/lanes"), ({"lanes": [{}]}, "/lanes/0"),
    ({"limit": 0}, "/limit"), ({"limit": 10**9}, "/limit"), ({"limit": "5"}, "/limit"), ({"limit": 10**300}, "/limit"),
    ({"cursor": 5}, "/cursor"), ({"cursor": "x" * 2001}, "/cursor"), ({"cursor": "\0"}, "/cursor"),
    ({"cursor": ""}, "/cursor"), ({"more": 1}, "/more"),
]  # fmt: skip


def test_a_pull_of_wrong_form_is_pointed_at(handheld: Handheld) -> None:
    """A lane that does not exist, a limit beyond reason, a cursor that is none."""
    for ask, pointer in ASKS:
        body = refused(send(handheld, json.dumps(ask).encode(), "/sync/pull"), "envelope_invalid")
        assert [error["pointer"] for error in body["errors"]] == [pointer]


PATHS = (
    "/api/v1/nothing", "/api/v1/sync/push/more", "/api/v2/sync/hello", "/api/v1/../../etc/passwd", "/%00", "/%ff",
    "/api/v1/%2e%2e/%2e%2e", "/" + "a" * 8000,
)  # fmt: skip


def test_a_path_that_is_not_there_is_not_found(handheld: Handheld) -> None:
    """Whatever is asked for, the answer is our problem and not a page of the server's."""
    for path in PATHS:
        refused(handheld.client.get(path, headers=handheld.bearer), "not_found")


def test_a_method_that_is_not_there_is_refused(handheld: Handheld) -> None:
    """Other methods of real paths, and methods that nobody knows."""
    for method, path in (("GET", "/sync/push"), ("PUT", "/sync/pull"), ("DELETE", "/sync/hello"), ("BREW", "/tokens")):
        refused(handheld.client.open(f"/api/v1{path}", method=method), "method_not_allowed")


def test_an_id_in_a_path_may_be_anything(bureau: Bureau) -> None:
    """What stands where an id belongs is looked for and not found, whatever it holds."""
    supervisor = bureau.signed_in("demo03", "supervisor")
    verdict = {"id": new_id(), "verdict": "passed"}
    resolution = {"id": new_id(), "keep": "mine", "reason": "x"}
    for strange in ("x", "%00", "a%00b", "%ed%a0%80", "%ff", "%27%3b--", "a" * 4000, "%F0%9F%98%80", "%0a"):
        for path, body in (
            (f"/evidence/{strange}/reviews", verdict),
            (f"/cases/{strange}/reviews", verdict),
            (f"/conflicts/{strange}/resolution", resolution),
        ):
            refused(supervisor.post(path, body, headers=supervisor.bearer), "not_found")
    assert supervisor.client.get("/api/v1/conflicts", headers=supervisor.bearer).json == []
    refused(supervisor.client.get("/api/v1/conflicts?state=%00%ff", headers=supervisor.bearer), "invalid_field")


def test_a_store_belongs_to_the_terminal_that_showed_it_first(app: Flask, bureau: Bureau, handheld: Handheld) -> None:
    """Another terminal can neither write to this one's receipt chain nor pass for this one in a merge."""
    store = new_id()
    first = push(handheld, [incident()], store=store)
    assert first.status_code == 200
    before = counts(app)
    other = bureau.signed_in("demo02")
    body = refused(push(other, [operation("patch", "incident", new_id(), set={})], store=store), "envelope_invalid")
    assert [error["pointer"] for error in body["errors"]] == ["/store"]
    assert counts(app) == before
    again = push(handheld, [incident()], store=store)
    assert again.status_code == 200
