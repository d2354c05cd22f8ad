"""Enrolment: one code serves one key, and a lost answer costs nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import time_machine

from tests.integration.people import Bureau, Handheld, now, problem


def test_enrolling_gives_names_and_the_servers_keys(bureau: Bureau) -> None:
    """A terminal learns its names and the keys that receipts are checked with; numbers count up."""
    first, second = Handheld(bureau.app.test_client()), Handheld(bureau.app.test_client())
    answer = first.enrol(bureau.code())
    assert answer.status_code == 201
    assert answer.json["server_keys"] == first.client.get("/.well-known/jwks.json").json
    assert second.enrol(bureau.code()).json["terminal_no"] == "t2"
    assert answer.json["terminal_no"] == "t1"


def test_the_same_code_and_key_give_the_same_answer(bureau: Bureau) -> None:
    """A lost answer can be asked for again, even after the code has expired; spelling does not matter."""
    code, handheld = bureau.code(ttl_s=60), Handheld(bureau.app.test_client())
    first = handheld.enrol(code).json
    assert handheld.enrol(code.lower().replace("-", " ")).json == first
    with time_machine.travel(now() + timedelta(days=2)):
        assert handheld.enrol(code).json == first


def test_a_code_serves_no_second_key(bureau: Bureau) -> None:
    """Whoever reads a used code over somebody's shoulder gets nothing."""
    code = bureau.code()
    assert Handheld(bureau.app.test_client()).enrol(code).status_code == 201
    assert problem(Handheld(bureau.app.test_client()).enrol(code)) == (403, "enrolment_invalid")


def test_two_keys_with_one_code_at_once(bureau: Bureau) -> None:
    """Of two that use a code at the same moment exactly one is enrolled."""
    code = bureau.code()
    handhelds = [Handheld(bureau.app.test_client()) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(lambda handheld: handheld.enrol(code).status_code, handhelds))
    assert statuses == [201, 403, 403, 403]


def test_terminals_enrolled_at_once_get_numbers_of_their_own(bureau: Bureau) -> None:
    """No two terminals share a short name, since it stands in every clock value."""
    codes = [bureau.code() for _ in range(6)]

    def enrol(code: str) -> str:
        handheld = Handheld(bureau.app.test_client())
        assert handheld.enrol(code).status_code == 201
        return handheld.terminal_no

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(enrol, codes)) == {f"t{number}" for number in range(1, 7)}


def test_an_unknown_or_expired_code_is_refused(bureau: Bureau) -> None:
    """A code that was never given out, or too long ago, opens nothing."""
    handheld = Handheld(bureau.app.test_client())
    assert problem(handheld.enrol("AAAA-BBBB-CCCC-DDDD")) == (403, "enrolment_invalid")
    code = bureau.code(ttl_s=60)
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert problem(handheld.enrol(code)) == (403, "enrolment_invalid")


def test_a_code_without_the_keys_signature_is_refused(bureau: Bureau) -> None:
    """Nobody enrols a key that he does not hold; the code stays good for its owner."""
    code, handheld = bureau.code(), Handheld(bureau.app.test_client())
    other = Handheld(bureau.app.test_client())
    other.public_key = handheld.public_key
    assert problem(other.enrol(code)) == (403, "enrolment_invalid")
    assert handheld.enrol(code).status_code == 201


def test_a_known_key_keeps_its_names_under_a_new_code(bureau: Bureau) -> None:
    """Enrolling twice makes no second terminal; a revoked key stays out."""
    handheld = bureau.handheld()
    names = (handheld.id, handheld.terminal_no)
    assert handheld.enrol(bureau.code()).status_code == 201
    assert (handheld.id, handheld.terminal_no) == names
    bureau.console("root", "admin").post(f"/terminals/{handheld.id}/revocation")
    assert problem(handheld.enrol(bureau.code())) == (403, "terminal_revoked")
