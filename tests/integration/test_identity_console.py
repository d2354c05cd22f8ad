"""The console: who gets in, and that no other site's page can act in his name."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask, Response

from field_api.auth import console, limits
from field_api.config import Config
from field_api.extensions import db
from field_api.problems import Problem
from field_api.transactions import write
from tests.integration.people import PASSWORD, Bureau, now, problem

NOBODY = "/terminals/01890000-0000-7000-8000-000000000000/revocation"


def sign_in(app: Flask, username: str, password: str = PASSWORD, address: str = "127.0.0.1") -> str:
    with app.app_context():
        config = app.extensions["fieldpost"].config
        return console.sign_in_console(db.session(), config, username, password, address, now()).token


def refused(app: Flask, username: str, password: str = PASSWORD, address: str = "127.0.0.1") -> str:
    with pytest.raises(Problem) as caught:
        sign_in(app, username, password, address)
    return caught.value.kind.code


@pytest.mark.parametrize("role", ["supervisor", "legal", "dispatcher", "admin", "auditor"])
def test_the_consoles_roles_get_in(app: Flask, bureau: Bureau, role: str) -> None:
    """Each role that the console is for signs in."""
    bureau.officer("zhou", role)
    assert sign_in(app, "zhou")


def test_field_roles_do_not_get_in(app: Flask, bureau: Bureau) -> None:
    """A password without a terminal's key opens nothing for those who work on the street."""
    bureau.officer("zhang", "officer", "auxiliary", "liaison")
    assert refused(app, "zhang") == "not_permitted"


def test_a_wrong_password_an_unknown_name_and_a_disabled_account(app: Flask, bureau: Bureau) -> None:
    """None of them gets in; only who knows the password learns that the account is disabled."""
    bureau.console("root", "admin").post(f"/officers/{bureau.officer('zhou', 'legal')}/disabling")
    assert refused(app, "zhou", "wrong") == "credentials_wrong"
    assert refused(app, "nobody") == "credentials_wrong"
    assert refused(app, "zhou") == "officer_disabled"


def test_only_an_administrator_shuts_out(bureau: Bureau) -> None:
    """A supervisor's session cannot revoke or disable; an unknown id is not found."""
    supervisor, admin = bureau.console("zhou", "supervisor"), bureau.console("root", "admin")
    assert problem(supervisor.post(NOBODY)) == (403, "not_permitted")
    assert problem(admin.post(NOBODY)) == (404, "not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {console.CSRF_HEADER: "wrong"},
        {console.CSRF_HEADER: "é"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_cannot_act(bureau: Bureau, headers: dict[str, str]) -> None:
    """Without the page's own token, or from another origin even with it, nothing is done."""
    admin = bureau.console("root", "admin")
    sent = headers if console.CSRF_HEADER in headers or not headers else admin.csrf | headers
    assert problem(admin.post(NOBODY, headers=sent)) == (403, "csrf_failed")


def test_another_sessions_token_does_not_serve(bureau: Bureau) -> None:
    """A CSRF token is bound to its session."""
    admin, other = bureau.console("root", "admin"), bureau.console("boss", "admin")
    assert problem(admin.post(NOBODY, headers=other.csrf)) == (403, "csrf_failed")


def test_the_pages_own_requests_pass(bureau: Bureau) -> None:
    """The token serves in the header or in a form, with a browser's usual headers."""
    admin = bureau.console("root", "admin")
    headers = admin.csrf | {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert problem(admin.post(NOBODY, headers=headers)) == (404, "not_found")
    form = {console.CSRF_FIELD: admin.csrf[console.CSRF_HEADER]}
    assert problem(admin.client.post(f"/api/v1{NOBODY}", data=form)) == (404, "not_found")


def test_a_huge_form_is_refused_before_it_is_read(bureau: Bureau) -> None:
    """A form beyond its bound is refused as too large."""
    admin = bureau.console("root", "admin")
    answer = admin.client.post(f"/api/v1{NOBODY}", data={"x": "a" * 2_000_000})
    assert problem(answer) == (413, "batch_too_large")


def test_a_session_ends(app: Flask, bureau: Bureau, config: Config) -> None:
    """A session ends after its time, when signed out, and when the account is disabled."""
    admin = bureau.console("root", "admin")
    with time_machine.travel(now() + timedelta(seconds=config.session_ttl_s + 1)):
        assert problem(admin.post(NOBODY)) == (401, "token_expired")
    officer = bureau.officer("zhou", "admin")
    other = bureau.console("boss", "admin")
    assert other.post(f"/officers/{officer}/disabling").status_code == 204
    cookie = admin.client.get_cookie(console.COOKIE)
    assert cookie
    with app.app_context():
        session = db.session()
        write(session, lambda: console.sign_out_console(session, console.session_digest(cookie.value)))
    assert problem(admin.post(NOBODY)) == (401, "token_expired")
    admin.client.delete_cookie(console.COOKIE)
    assert problem(admin.post(NOBODY)) == (401, "token_missing")


def test_guessing_is_bounded_by_name_and_source(app: Flask, bureau: Bureau) -> None:
    """Who guesses waits; the same person elsewhere still gets in, so nobody is locked out by a stranger."""
    bureau.officer("zhou", "legal")
    for _ in range(limits.PER_NAME_AND_SOURCE):
        assert refused(app, "zhou", "wrong", "2001:db8::1") == "credentials_wrong"
    # The same subscriber by another address of his network.
    assert refused(app, "ZHOU", PASSWORD, "2001:db8::2") == "too_many_requests"
    assert sign_in(app, "zhou", address="192.0.2.7")


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    """The cookie is HttpOnly and SameSite=Strict, and Secure where the request was."""
    response = Response()
    console.set_cookie(response, console.ConsoleSignIn("x", 60), secure=True)
    header = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Secure", "Path=/"} <= set(header.split("; "))
