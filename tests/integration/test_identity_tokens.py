"""Signing in and going on: what a lost answer, a thief and a stranger can and cannot do."""

from __future__ import annotations

from tests.integration.people import Bureau


def test_an_officer_signs_in_on_an_enrolled_terminal_and_out_again(bureau: Bureau) -> None:
    """A pair opens the API until it is signed out, and nothing after."""
    handheld = bureau.signed_in("zhang")
    assert handheld.client.delete("/api/v1/tokens/current", headers=handheld.bearer).status_code == 204
    answer = handheld.client.delete("/api/v1/tokens/current", headers=handheld.bearer)
    assert (answer.status_code, answer.json["code"]) == (401, "token_revoked")


def test_a_lost_refresh_answer_signs_nobody_out(bureau: Bureau) -> None:
    """Until the new pair is used the old token gives that same pair again."""
    handheld = bureau.signed_in("zhang")
    lost = handheld.ask_refresh().json
    again = handheld.ask_refresh().json
    assert (again["access_token"], again["refresh_token"]) == (lost["access_token"], lost["refresh_token"])
