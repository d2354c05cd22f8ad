"""What any answer of the centre, or of something that is not the centre, is taken to mean."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.centre import (
    MAX_RETRY_AFTER_S,
    Answer,
    CentreClient,
    Delivered,
    Later,
    Refused,
    Stored,
    judge_case,
    judge_evidence,
    parse_retry_after,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def answer(status: int, document: Any = None, **headers: str) -> Answer:
    """Make an answer as the client would have read it."""
    return Answer(status, json.dumps(document).encode(), headers)


@pytest.mark.parametrize("status", [200, 201, 409])
def test_task_number_is_delivery(status: int) -> None:
    """New, newer and known already are all the same to the sender: it is there."""
    assert judge_case(answer(status, {"task_number": "RC00000001"}), NOW) == Delivered("RC00000001")


@pytest.mark.parametrize("number", [None, "", 7, "x" * 65, "a\nb", "a\x00", "\ud800", ["RC1"]])
@pytest.mark.parametrize("status", [200, 201, 409])
def test_no_usable_task_number_is_no_delivery(status: int, number: object) -> None:
    """A case is never marked as delivered under a number that can't be stored or shown."""
    assert isinstance(judge_case(answer(status, {"task_number": number}), NOW), Later)


@given(st.binary(max_size=200), st.integers(200, 599))
def test_foreign_bytes_are_never_a_verdict(body: bytes, status: int) -> None:
    """Bytes that are not a JSON object of the centre neither deliver nor refuse a case."""
    assert isinstance(judge_case(Answer(status, body + b"<html>"), NOW), Later)


@given(JSON, st.integers(100, 999))
def test_only_the_promised_shapes_are_final(document: object, status: int) -> None:
    """Whatever JSON comes, delivery needs a task number and refusal a 422 with words."""
    verdict = judge_case(answer(status, document), NOW)
    if isinstance(verdict, Delivered):
        assert status in (200, 201, 409)
        assert isinstance(document, dict)
        assert document["task_number"] == verdict.task_number
    elif isinstance(verdict, Refused):
        assert status == 422
        assert isinstance(document, dict)
        assert {"code", "message"} & document.keys()


def test_deeply_nested_answer_is_later() -> None:
    """An answer made to exhaust the parser's stack is not understood, and that is all."""
    assert isinstance(judge_case(Answer(200, b"[" * 60_000), NOW), Later)


def test_refusal_keeps_the_centre_s_words() -> None:
    """The unit reads why, as the centre wrote it."""
    document = {"code": "category_invalid", "message": "类别：不存在"}
    assert judge_case(answer(422, document), NOW) == Refused("category_invalid", "类别：不存在")


def test_refusal_is_bounded_and_storable() -> None:
    """A refusal of any length and any characters can be stored in PostgreSQL and shown."""
    hostile = "a\x00b\ud800c\x1b[2J\n" + "长" * 5000
    verdict = judge_case(answer(422, {"code": "x" * 500 + "\x00", "message": hostile}), NOW)
    assert isinstance(verdict, Refused)
    assert verdict.code == "refused"
    assert len(verdict.message) <= 2000
    assert verdict.message.startswith("a b c [2J\n长")
    verdict.message.encode("utf-8")


@pytest.mark.parametrize("status", [429, 503])
def test_busy_centre_says_when(status: int) -> None:
    """A pause that the centre asks for is kept, be it in seconds or as a date."""
    pauses = {"120": 120, "Sun, 22 Nov 2026 10:01:30 GMT": 90, "": None}
    for value, pause_s in pauses.items():
        verdict = judge_case(answer(status, **{"retry-after": value}), NOW)
        assert isinstance(verdict, Later)
        assert verdict.retry_after_s == pause_s


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("9" * 50, MAX_RETRY_AFTER_S),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Sun, 22 Nov 2026 10:00:05 -0000", 5),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Sun, 99 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_the_standard_says(value: str, expected: int | None) -> None:
    """Seconds and dates are read, the past is now, the far future is a day, the rest is nothing."""
    assert parse_retry_after(value, NOW) == expected


@given(st.text(max_size=60), st.timedeltas(timedelta(-1000), timedelta(1000)))
def test_retry_after_is_bounded_whatever_comes(value: str, shift: timedelta) -> None:
    """No header makes the sender fail, hurry backwards or wait for more than a day."""
    pause_s = parse_retry_after(value, NOW + shift)
    assert pause_s is None or 0 <= pause_s <= MAX_RETRY_AFTER_S


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 413, 418, 500, 502, 504])
def test_all_else_is_later_with_a_reason_in_both_languages(status: int) -> None:
    """A person who looks at a held delivery reads what the centre answered."""
    verdict = judge_case(answer(status, {"task_number": "RC1", "message": "细节"}), NOW)
    assert isinstance(verdict, Later)
    assert str(status) in verdict.reason
    assert " / " in verdict.reason
    assert "细节" in verdict.reason


def test_evidence_is_stored_only_on_the_centre_s_word() -> None:
    """A portal's 200 does not count as stored, nor can evidence be refused for a unit to mend."""
    assert judge_evidence(answer(201), "ab", NOW) == Stored("ab")
    page = Answer(200, b"<html>", {"content-type": "text/html; charset=utf-8"})
    assert isinstance(judge_evidence(page, "ab", NOW), Later)
    assert isinstance(judge_evidence(answer(422, {"code": "digest_mismatch"}), "ab", NOW), Later)


@pytest.mark.parametrize(
    ("base_url", "token", "timeout_s"),
    [
        ("ftp://centre", "t", 1),
        ("centre:80", "t", 1),
        ("http://", "t", 1),
        ("http://a:b@centre", "t", 1),
        ("http://centre?x=1", "t", 1),
        ("http://centre:port", "t", 1),
        ("http://centre", "", 1),
        ("http://centre", "a\r\nX: y", 1),
        ("http://centre", "令牌", 1),
        ("http://centre", "t", 0),
        ("http://centre", "t", float("nan")),
    ],
)
def test_impossible_configuration_is_refused_at_once(base_url: str, token: str, timeout_s: float) -> None:
    """What could never work is said when it is configured, not at the first delivery."""
    with pytest.raises(ValueError, match=r"centre's|time-out"):
        CentreClient(base_url, token, timeout_s)
