"""The audit of a case's file: a whole file is whole, and each fault is found by the check that is made for it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law.audit import CHECKS, File, audit

Body = dict[str, Any]
DAY = "2026-11-02T10:{:02d}:00+08:00"


def _at(minute: int) -> str:
    return DAY.format(minute)


def _case() -> Body:
    decision = {
        "id": "d7", "type": "D07", "at": _at(20), "number": "演示〔2026〕第0001号",
        "content": {"party": {"name": "演示当事人"}, "amount_fen": 5000},
        "served": {"mode": "on_site", "at": _at(22), "to": "演示当事人"},
    }  # fmt: skip
    return {
        "case_no": "5114022026110200001", "status": "filed", "procedure": "summary", "subject": "city_bureau",
        "party": {"kind": "citizen", "name": "演示当事人", "id_no": "11010519491231002X"},
        "occurred_at": _at(0), "amount_fen": 5000, "legal_basis": ["市容条例"],
        "timeline": [
            {"id": "t1", "step": "ids_shown", "at": _at(1), "officers": ["o1", "o2"], "by": "o1"},
            {"id": "t2", "step": "permit_lookup", "at": _at(2), "by": "o1"},
            {"id": "t3", "step": "history_lookup", "at": _at(3), "by": "o1"},
            {"id": "t4", "step": "correction_ordered", "at": _at(4), "by": "o1"},
        ],
        "statements": [
            {"id": "s1", "kind": "notice", "at": _at(10)},
            {"id": "s2", "kind": "waiver", "at": _at(12), "signature": "g1"},
        ],
        "signatures": [
            {"id": "g1", "signer": "party", "at": _at(12), "method": "stroke"},
            {"id": "g2", "signer": "party", "at": _at(21), "document": "d7", "method": "stroke"},
            {"id": "g3", "signer": "officer", "officer": "o1", "at": _at(21), "document": "d7"},
            {"id": "g4", "signer": "officer", "officer": "o2", "at": _at(21), "document": "d7"},
        ],
        "documents": [decision],
        "payments": [{"id": "p1", "mode": "on_spot", "at": _at(23), "amount_fen": 5000, "receipt_no": "演示0001"}],
    }  # fmt: skip


def _file(change: Callable[[Body], object] | None = None, **more: Any) -> File:
    case = _case()
    if change is not None:
        change(case)
    photo = {"bytes": "verified", "review": "passed", "captured_at": _at(1), "role": "near"}
    return File(case, more.pop("evidence", (photo,)), **more)


def _codes(file: File) -> set[str]:
    return {code for code, _, _ in audit(file).defects}


def _drop(name: str, which: str) -> Callable[[Body], object]:
    return lambda case: case.update({name: [one for one in case[name] if one["id"] != which]})


def _other_party(case: Body) -> None:
    case["documents"].append({"id": "d3", "type": "D03", "at": _at(5), "content": {"party": {"name": "演示乙"}}})


def _spoke_unchecked(case: Body) -> None:
    case["statements"][1] = {"id": "s2", "kind": "statement", "at": _at(12)}


def _refused_in_silence(case: Body) -> None:
    case["signatures"][1]["method"] = "refused"


FAULTS: list[tuple[str, Callable[[Body], object]]] = [
    ("A01", lambda case: case.update(case_no=None)),
    ("A02", lambda case: case["party"].pop("id_no")),
    ("A02", lambda case: case["party"].update(kind="org")),
    ("A03", _other_party),
    ("A04", lambda case: case["statements"][0].update(at=_at(30))),
    ("A05", lambda case: case["timeline"][0].update(officers=["o1"])),
    ("A08", _drop("statements", "s1")),
    ("A09", _drop("statements", "s2")),
    ("A09", _drop("signatures", "g1")),
    ("A09", _spoke_unchecked),
    ("A10", _drop("timeline", "t4")),
    ("A11", lambda case: case["documents"][0].pop("number")),
    ("A12", _drop("signatures", "g4")),
    ("A12", _refused_in_silence),
    ("A13", lambda case: case["documents"][0].pop("served")),
    ("A14", lambda case: case.update(amount_fen=6000)),
    ("A14", lambda case: case["payments"][0].update(amount_fen=5001)),
    ("A15", lambda case: case["payments"][0].pop("receipt_no")),
    ("A16", lambda case: case.update(legal_basis=None)),
    ("A17", _drop("timeline", "t3")),
    ("A18", lambda case: case["documents"][0].update(replaces="d0")),
]


def test_a_whole_file_has_no_defect() -> None:
    """A summary case in which everything was done scores a hundred."""
    report = audit(_file())
    assert (report.defects, report.score) == ([], 100)


@pytest.mark.parametrize(("code", "fault"), FAULTS, ids=[f"{code}-{index}" for index, (code, _) in enumerate(FAULTS)])
def test_a_fault_is_found_by_its_own_check(code: str, fault: Callable[[Body], object]) -> None:
    """One thing wrong is one check's defect and no other's, and it costs that check's weight."""
    report = audit(_file(fault))
    assert {found for found, _, _ in report.defects} == {code}
    assert report.score == 100 - next(check.weight for check in CHECKS if check.code == code)


def test_photos_must_stand_and_be_of_the_act() -> None:
    """A rejected photo is no evidence; one taken after the decision is only of what came after."""
    rejected = {"bytes": "verified", "review": "rejected", "captured_at": _at(1), "role": "near"}
    late = {"bytes": "verified", "review": "passed", "captured_at": _at(40), "role": "near"}
    assert _codes(_file(evidence=(rejected,))) == {"A06"}
    assert _codes(_file(evidence=(late,))) == {"A07"}
    assert _codes(_file(evidence=(late | {"role": "handle_after"},))) == set()


def test_a_police_penalty_needs_one_officer() -> None:
    """道路交通安全违法行为处理程序规定 44: the summary decision of one policeman holds."""

    def alone(case: Body) -> None:
        case["subject"] = "traffic_police"
        case["timeline"][0]["officers"] = ["o1"]
        case["signatures"] = [one for one in case["signatures"] if one["id"] != "g4"]

    assert _codes(_file(alone)) == set()


def test_measures_and_proceedings_are_asked_for_their_papers() -> None:
    """An unapproved seizure without a list in duplicate, a proceeding without filing: each is named."""
    seized = {"kind": "seize", "status": "imposed", "goods": [], "list_copies": 1}
    whole = {"kind": "seize", "status": "approved", "approved_at": _at(5), "goods": [{"id": "x"}], "list_copies": 2}
    assert _codes(_file(measures=(seized,))) == {"A19"}
    assert len(audit(_file(measures=(seized, seized))).defects) == 3
    assert _codes(_file(measures=(whole,))) == set()
    bare = {"status": "decided", "major": True, "amount_fen": 5000}
    filed = bare | {"approvals": [{"id": "a", "kind": "filing", "granted": True, "at": _at(1)}]}
    papers = [{"id": one, "type": one, "at": _at(2)} for one in ("D09", "D15")]
    assert _codes(_file(proceedings=(bare,))) == {"A20"}
    assert _codes(_file(proceedings=(filed | {"documents": papers},))) == set()


def test_cases_without_a_penalty_are_asked_for_other_things() -> None:
    """Where nobody was fined the file needs a number, a slip or an education, and no receipt."""
    base = {"case_no": "1", "timeline": [], "documents": [], "party": None}
    assert _codes(File(base | {"procedure": "advice"})) == {"A22"}
    assert _codes(File(base | {"procedure": "none", "no_penalty_reason": "first_minor"})) == {"A21"}
    taught = [{"id": "t", "step": "educate", "at": _at(1)}]
    lenient = base | {"procedure": "none", "no_penalty_reason": "minor_corrected"}
    assert _codes(File(lenient | {"timeline": taught})) == set()


@given(st.data())
def test_any_part_of_a_file_may_be_missing(data: st.DataObject) -> None:
    """Whatever is left out, the audit gives a score and words in both languages, and never fails."""
    case = copy.deepcopy(_case())
    for name in data.draw(st.sets(st.sampled_from(sorted(case)))):
        case[name] = None
    report = audit(File(case))
    assert 0 <= report.score <= 100
    assert all(zh and en for _, zh, en in report.defects)
