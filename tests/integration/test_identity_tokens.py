"""Signing in and going on: what a lost answer, a thief and a stranger can and cannot do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from field_api.auth import limits
from field_api.config import Config
from field_api.endpoint import Context, endpoint
from tests.integration.people import PASSWORD, Bureau, Handheld, base64url, now, problem


def use(handheld: Handheld, access: str | None = None) -> TestResponse:
    """Use an access token on a route that changes nothing."""
    token = access or handheld.access
    return handheld.client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(autouse=True)
def whoami(app: Flask) -> None:
    """Add routes that say who asks: these tests must not depend on any other resource."""

    @endpoint("Say who asks")
    def view(context: Context) -> dict[str, object]:
        who = context.identity
        return {"officer": who.username, "terminal": who.terminal_no, "revoked": who.revoked}

    @endpoint("Say who asks, though revoked", receive_revoked=True)
    def lenient(context: Context) -> dict[str, object]:
        return {"officer": context.identity.username, "revoked": context.identity.revoked}

    app.add_url_rule("/api/v1/whoami", "whoami", view)
    app.add_url_rule("/api/v1/whoami-lenient", "whoami_lenient", lenient)


def test_a_pair_opens_the_api_until_it_is_signed_out(bureau: Bureau) -> None:
    """A pair speaks for its officer and terminal until it is signed out, and for nobody after."""
    handheld = bureau.signed_in("zhang")
    assert use(handheld).json == {"officer": "zhang", "terminal": handheld.terminal_no, "revoked": False}
    assert handheld.client.delete("/api/v1/tokens/current", headers=handheld.bearer).status_code == 204
    assert problem(use(handheld)) == (401, "token_revoked")
    assert problem(handheld.ask_refresh()) == (401, "token_revoked")


def test_the_answer_names_the_officer_and_what_he_may(bureau: Bureau, config: Config) -> None:
    """The answer carries what the terminal needs to work offline."""
    officer = bureau.officer("zhang", "officer", "auxiliary")
    answer = bureau.handheld().ask_password("zhang").json
    assert answer["expires_in"] == config.access_ttl_s
    assert answer["officer"] == {
        "id": officer, "name": "演示 zhang", "roles": ["auxiliary", "officer"], "unit": "u1",
    }  # fmt: skip
    assert answer["offline_until"].endswith("Z")


def test_a_lost_refresh_answer_signs_nobody_out(bureau: Bureau) -> None:
    """Until the new pair is used the old token gives that same pair again, and the old pair still works."""
    handheld = bureau.signed_in("zhang")
    lost = handheld.ask_refresh().json
    assert use(handheld).status_code == 200
    again = handheld.ask_refresh().json
    assert (again["access_token"], again["refresh_token"]) == (lost["access_token"], lost["refresh_token"])
    assert use(handheld, again["access_token"]).status_code == 200


def test_a_pair_offered_long_ago_can_still_be_used(bureau: Bureau) -> None:
    """A terminal that was away after a lost answer gets the same tokens with life in them."""
    handheld = bureau.signed_in("zhang")
    with time_machine.travel(now() + timedelta(days=1)):
        lost = handheld.ask_refresh().json
    with time_machine.travel(now() + timedelta(days=3)):
        again = handheld.keep(handheld.ask_refresh()).json
        assert again["access_token"] == lost["access_token"]
        assert again["expires_in"] > 0
        assert use(handheld).status_code == 200


@pytest.mark.parametrize("way", ["access", "refresh"])
def test_an_older_refresh_token_ends_the_family(bureau: Bureau, way: str) -> None:
    """Once either token of the new pair was used, the old refresh token signs out whoever holds the new."""
    handheld = bureau.signed_in("zhang")
    stolen = handheld.refresh_token
    handheld.keep(handheld.ask_refresh())
    used = use(handheld) if way == "access" else handheld.keep(handheld.ask_refresh())
    assert used.status_code == 200
    assert problem(handheld.ask_refresh(stolen)) == (401, "token_revoked")
    assert problem(use(handheld)) == (401, "token_revoked")
    assert problem(handheld.ask_refresh()) == (401, "token_revoked")


def test_a_superseded_access_token_is_expired_and_harms_nobody(bureau: Bureau) -> None:
    """A request that was on its way while the pair changed asks for a new token; it ends nothing."""
    handheld = bureau.signed_in("zhang")
    before = handheld.access
    handheld.keep(handheld.ask_refresh())
    assert use(handheld).status_code == 200
    assert problem(use(handheld, before)) == (401, "token_expired")
    assert use(handheld).status_code == 200


def test_refreshing_the_same_token_at_once_gives_one_pair(bureau: Bureau) -> None:
    """However many ask at the same moment, they all get the same pair."""
    handheld = bureau.signed_in("zhang")
    nonces = [handheld.nonce() for _ in range(6)]

    def ask(nonce: str) -> tuple[str, str]:
        twin = Handheld(bureau.app.test_client())
        twin.key, twin.id = handheld.key, handheld.id
        answer = twin.ask_refresh(handheld.refresh_token, nonce=nonce)
        assert answer.status_code == 200, answer.text
        return answer.json["access_token"], answer.json["refresh_token"]

    with ThreadPoolExecutor(6) as threads:
        pairs = set(threads.map(ask, nonces))
    assert len(pairs) == 1


def test_first_uses_of_a_new_pair_at_once_all_pass(bureau: Bureau) -> None:
    """Several requests may be the first to use a new pair."""
    handheld = bureau.signed_in("zhang")
    handheld.keep(handheld.ask_refresh())

    def ask(_number: int) -> int:
        client = bureau.app.test_client()
        return client.get("/api/v1/whoami", headers=handheld.bearer).status_code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(ask, range(6))) == {200}


def test_expired_tokens_say_so(bureau: Bureau, config: Config) -> None:
    """An access token ends after its time, a refresh token after its own."""
    handheld = bureau.signed_in("zhang")
    with time_machine.travel(now() + timedelta(seconds=config.access_ttl_s + 5)):
        assert problem(use(handheld)) == (401, "token_expired")
    with time_machine.travel(now() + timedelta(seconds=config.refresh_ttl_s + 5)):
        assert problem(handheld.ask_refresh()) == (401, "token_expired")


def test_forged_tokens_are_refused(bureau: Bureau) -> None:
    """Changing any character of a token, or using one kind for the other, opens nothing."""
    handheld = bureau.signed_in("zhang")
    for token in (
        "x", "é", "a" * 4000, handheld.refresh_token,
        handheld.access[:-8] + "AAAAAAAA", "B" + handheld.access[1:], handheld.access + "A",
    ):  # fmt: skip
        answer = handheld.client.get(
            "/api/v1/whoami", headers={"Authorization": f"Bearer {token}".encode().decode("latin-1")}
        )
        assert problem(answer) == (401, "token_revoked"), token
    assert problem(handheld.client.get("/api/v1/whoami")) == (401, "token_missing")
    assert problem(handheld.ask_refresh(handheld.access)) == (401, "token_revoked")
    assert use(handheld).status_code == 200


def test_another_terminal_cannot_refresh(bureau: Bureau) -> None:
    """A refresh token without its own terminal's key opens nothing."""
    handheld, thief = bureau.signed_in("zhang"), bureau.handheld()
    assert problem(thief.ask_refresh(handheld.refresh_token)) == (401, "token_revoked")
    assert use(handheld).status_code == 200


def test_a_nonce_serves_once(bureau: Bureau) -> None:
    """A request that somebody recorded cannot be sent again."""
    bureau.officer("zhang")
    handheld = bureau.handheld()
    nonce = handheld.nonce()
    assert handheld.ask_password("zhang", nonce=nonce).status_code == 200
    assert problem(handheld.ask_password("zhang", nonce=nonce)) == (401, "credentials_wrong")


def test_a_nonce_serves_once_even_for_a_wrong_password(bureau: Bureau) -> None:
    """A wrong password spends the nonce: each guess needs the terminal's key anew."""
    bureau.officer("zhang")
    handheld = bureau.handheld()
    nonce = handheld.nonce()
    assert problem(handheld.ask_password("zhang", "wrong", nonce=nonce)) == (401, "credentials_wrong")
    assert problem(handheld.ask_password("zhang", nonce=nonce)) == (401, "credentials_wrong")


def test_an_old_or_foreign_nonce_is_refused(bureau: Bureau) -> None:
    """A nonce lives 60 s and is bound to its terminal."""
    bureau.officer("zhang")
    handheld, other = bureau.handheld(), bureau.handheld()
    assert problem(handheld.ask_password("zhang", nonce=other.nonce())) == (401, "credentials_wrong")
    nonce = handheld.nonce()
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert problem(handheld.ask_password("zhang", nonce=nonce)) == (401, "credentials_wrong")


def test_a_password_without_the_terminals_key_opens_nothing(bureau: Bureau) -> None:
    """A right password with another key's signature is refused, and so is an unknown terminal."""
    bureau.officer("zhang")
    handheld, stranger = bureau.handheld(), Handheld(bureau.app.test_client())
    stranger.id = handheld.id
    assert problem(stranger.ask_password("zhang")) == (401, "credentials_wrong")
    stranger.id = "01890000-0000-7000-8000-000000000000"
    assert problem(stranger.ask_password("zhang")) == (401, "credentials_wrong")
    signature = handheld.sign("enrol", "x")
    assert problem(handheld.ask_password("zhang", signature=signature)) == (401, "credentials_wrong")


def test_wrong_name_and_wrong_password_look_alike(bureau: Bureau) -> None:
    """An answer does not tell which user names exist."""
    bureau.officer("zhang")
    handheld = bureau.handheld()
    wrong, unknown = handheld.ask_password("zhang", "wrong"), handheld.ask_password("nobody")
    assert problem(wrong) == problem(unknown) == (401, "credentials_wrong")
    assert {**wrong.json, "instance": ""} == {**unknown.json, "instance": ""}


def test_a_revoked_terminal_is_stopped_at_its_next_request(bureau: Bureau) -> None:
    """After revocation no token of the terminal opens anything, nor can it get one."""
    handheld = bureau.signed_in("zhang")
    admin = bureau.console("root", "admin")
    assert use(handheld).status_code == 200
    for _ in range(2):
        assert admin.post(f"/terminals/{handheld.id}/revocation").status_code == 204
    assert problem(use(handheld)) == (403, "terminal_revoked")
    assert problem(handheld.ask_refresh()) == (403, "terminal_revoked")
    assert problem(handheld.ask_password("zhang")) == (403, "terminal_revoked")


def test_a_revoked_terminal_is_still_known_where_its_push_is_received(bureau: Bureau, config: Config) -> None:
    """What it hands in can be told apart, even with a token that has run out meanwhile."""
    handheld = bureau.signed_in("zhang")
    bureau.console("root", "admin").post(f"/terminals/{handheld.id}/revocation")
    with time_machine.travel(now() + timedelta(seconds=config.access_ttl_s + 5)):
        answer = handheld.client.get("/api/v1/whoami-lenient", headers=handheld.bearer)
    assert answer.json == {"officer": "zhang", "revoked": True}


def test_a_disabled_officer_is_stopped_at_his_next_request(bureau: Bureau) -> None:
    """After disabling no token of his opens anything on any terminal."""
    handheld = bureau.signed_in("zhang")
    officer = handheld.ask_password("zhang").json["officer"]["id"]
    assert bureau.console("root", "admin").post(f"/officers/{officer}/disabling").status_code == 204
    assert problem(use(handheld)) == (403, "officer_disabled")
    assert problem(handheld.ask_refresh()) == (403, "officer_disabled")
    assert problem(handheld.ask_password("zhang")) == (403, "officer_disabled")


def test_guessing_is_bounded_for_the_terminal_that_guesses(bureau: Bureau) -> None:
    """A terminal that guessed too often waits, also with the right password; another is not touched."""
    bureau.officer("zhang")
    handheld, other = bureau.handheld(), bureau.handheld()
    for _ in range(limits.PER_TERMINAL):
        assert problem(handheld.ask_password("zhang", "wrong")) == (401, "credentials_wrong")
    refused = handheld.ask_password("zhang")
    assert problem(refused) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= limits.WINDOW.total_seconds()
    assert other.ask_password("zhang").status_code == 200
    with time_machine.travel(now() + limits.WINDOW + timedelta(seconds=1)):
        assert handheld.ask_password("zhang").status_code == 200


def test_a_stranger_cannot_use_up_a_terminals_attempts(bureau: Bureau) -> None:
    """Attempts without the terminal's signature are not counted against it."""
    bureau.officer("zhang")
    handheld, stranger = bureau.handheld(), Handheld(bureau.app.test_client())
    stranger.id = handheld.id
    for _ in range(limits.PER_TERMINAL + 1):
        assert problem(stranger.ask_password("zhang", "wrong")) == (401, "credentials_wrong")
    assert handheld.ask_password("zhang").status_code == 200


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"grant": "wish"}, "/grant"),
        ({"grant": ["password"]}, "/grant"),
        ({"username": "a\x00b"}, "/username"),
        ({"username": "\ud800"}, "/username"),
        ({"username": "a" * 65}, "/username"),
        ({"username": None}, "/username"),
        ({"password": "a" * 257}, "/password"),
        ({"nonce": "!"}, "/nonce"),
        ({"signature": base64url(b"short")}, "/signature"),
        ({"terminal_id": "T7"}, "/terminal_id"),
        ({"refresh_token": "abc"}, "/refresh_token"),
        ({"more": 1}, "/more"),
        ({"a/b~\ud800": 1}, "/a~1b~0?"),
    ],
)
def test_a_field_that_cannot_be_is_named(bureau: Bureau, changed: dict[str, object], pointer: str) -> None:
    """Whatever stands in a field, the answer points at it and is a 422."""
    handheld = bureau.handheld()
    body = {"grant": "password", "username": "zhang", "password": PASSWORD, "terminal_id": handheld.id}
    body |= {"nonce": "AAAA", "signature": handheld.sign("token", "x")}
    answer = handheld.post("/tokens", body | changed)
    assert problem(answer) == (422, "envelope_invalid")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_an_answer_to_any_number_of_mistakes_is_small(bureau: Bureau) -> None:
    """However many and long the keys that nobody knows, the answer stays bounded."""
    answer = bureau.handheld().post("/tokens", {f"{number}{'x' * 900}": 1 for number in range(2000)})
    assert problem(answer) == (422, "envelope_invalid")
    assert len(answer.json["errors"]) == 50
    assert len(answer.data) < 20_000
