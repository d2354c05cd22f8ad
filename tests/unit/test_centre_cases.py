"""The reference centre judges a case as its page says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.centre.cases import check, parse
from reference.centre.refusals import Refusal

CASE = "01932f0a-1b2c-7000-8000-000000000001"
PHOTO = "ab" * 32


def good_case() -> dict[str, Any]:
    """Make a case with everything in it."""
    return {
        "case": CASE,
        "version": 2,
        "case_no": "DEMO-0001",
        "category": "0406",
        "description": "占道经营",
        "address": "演示路 1 号",
        "position": {"lng": 103.84, "lat": 30.05, "coord_sys": "cgcs2000", "accuracy_m": 5},
        "occurred_at": "2026-11-22T10:00:00+08:00",
        "status": "closed",
        "unit": "演示中队",
        "officers": [{"id": "demo", "name": "演示"}],
        "timeline": [{"step": "persuade"}],
        "evidence": [
            {
                "id": "e1",
                "sha256": PHOTO,
                "size": 9,
                "media_type": "image/jpeg",
                "role": "far",
                "captured_at": "2026-11-22T10:00:00Z",
            }
        ],
        "incident": None,
    }


def held_size(sha256: str) -> int | None:
    """Hold one photo of nine bytes."""
    return 9 if sha256 == PHOTO else None


def refusal_of(document: dict[str, Any], key: str = f"{CASE}:2") -> str:
    """Give the code with which a case is refused."""
    with pytest.raises(Refusal) as caught:
        check(document, key, held_size)
    assert caught.value.status == 422
    return caught.value.code


def status_of(document: dict[str, Any]) -> int:
    """Say how a case would be answered."""
    try:
        check(document, f"{CASE}:2", held_size)
    except Refusal as refusal:
        return refusal.status
    return 201


def test_good_case_is_kept_whole() -> None:
    """Every field, also an unknown one, is in the body that is kept."""
    document = good_case() | {"extra": {"a": 1}}
    case = check(document, f"{CASE}:2", held_size)
    assert (case.case, case.version) == (CASE, 2)
    assert json.loads(case.body) == document


def test_digest_is_of_the_content_not_of_its_spelling() -> None:
    """The same case with its keys in another order is the same; another word is another."""
    document = good_case()
    turned = dict(reversed(document.items()))
    changed = document | {"description": "另一"}
    digests = [check(each, f"{CASE}:2", held_size).digest for each in (document, turned, changed)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("category", ["0406", "0114", "0101", "0699", "2199"])
def test_known_classes_are_taken(category: str) -> None:
    """Codes of both numberings pass."""
    check(good_case() | {"category": category}, f"{CASE}:2", held_size)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("case", "1", "case_invalid"),
        ("version", 0, "version_invalid"),
        ("version", True, "version_invalid"),
        ("version", 3, "key_mismatch"),
        ("category", "9999", "category_invalid"),
        ("category", "0400", "category_invalid"),
        ("category", "406", "category_invalid"),
        ("category", 406, "category_invalid"),
        ("category", "0406\n", "category_invalid"),
        ("description", "  ", "description_invalid"),
        ("description", "字" * 501, "description_invalid"),
        ("address", 5, "address_invalid"),
        ("position", {"lng": 103, "lat": 30}, "position_invalid"),
        ("position", {"lng": 500, "lat": 30, "coord_sys": "wgs84"}, "position_invalid"),
        ("position", {"lng": True, "lat": 30, "coord_sys": "wgs84"}, "position_invalid"),
        ("position", {"lng": 1, "lat": 2, "coord_sys": "wgs84", "accuracy_m": -1}, "position_invalid"),
        ("occurred_at", "2026-11-22T10:00:00", "occurred_at_invalid"),
        ("occurred_at", "2026-13-22T10:00:00Z", "occurred_at_invalid"),
        ("occurred_at", None, "occurred_at_invalid"),
        ("status", "", "status_invalid"),
        ("unit", 5, "unit_invalid"),
        ("officers", "nobody", "officers_invalid"),
        ("timeline", ["step"], "timeline_invalid"),
        ("evidence", None, "evidence_invalid"),
        ("evidence", [5], "evidence_invalid"),
        ("evidence", [{"sha256": "AB" * 32}], "evidence_invalid"),
    ],
)
def test_each_fault_has_its_code(field: str, value: object, code: str) -> None:
    """One wrong field is refused under its own name."""
    assert refusal_of(good_case() | {field: value}) == code


def test_place_is_required_in_one_form_at_least() -> None:
    """An address alone or a position alone will do; neither will not."""
    check(good_case() | {"position": None}, f"{CASE}:2", held_size)
    check(good_case() | {"address": None}, f"{CASE}:2", held_size)
    assert refusal_of(good_case() | {"position": None, "address": " "}) == "place_missing"


def test_evidence_must_have_arrived_with_the_size_told() -> None:
    """A case whose photo is missing or another size is not taken."""
    photo = good_case()["evidence"][0]
    assert refusal_of(good_case() | {"evidence": [photo | {"sha256": "cd" * 32}]}) == "evidence_missing"
    assert refusal_of(good_case() | {"evidence": [photo | {"size": 8}]}) == "evidence_size"
    assert refusal_of(good_case() | {"evidence": [photo | {"role": None}]}) == "evidence_invalid"
    assert refusal_of(good_case() | {"evidence": [photo | {"captured_at": "x"}]}) == "captured_at_invalid"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_malformed_bodies_are_refused(raw: bytes) -> None:
    """No body that two readers could understand differently is taken."""
    with pytest.raises(Refusal) as caught:
        parse(raw)
    assert caught.value.code == "malformed"


@given(
    st.dictionaries(
        st.sampled_from(sorted(good_case())),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.text(), max_size=2),
    )
)
def test_no_input_breaks_the_judge(changes: dict[str, Any]) -> None:
    """Any change of a case is either taken or refused, never an error of the program."""
    assert status_of(good_case() | changes) in (201, 422)
