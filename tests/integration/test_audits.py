"""Audits of files, the month's pack, and who did what when, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.world import World
from tests.integration.people import Bureau, Console

AT = "2026-11-02T10:00:00+08:00"


@pytest.fixture
def world(bureau: Bureau) -> World:
    return World(bureau)


@pytest.fixture
def auditor(bureau: Bureau) -> Console:
    return bureau.console("jiancha", "auditor")


def _get(console: Console, path: str, language: str = "zh-CN") -> Any:
    answer = console.client.get(f"/api/v1{path}", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_bare_file_is_told_what_it_lacks_in_either_language(world: World, auditor: Console) -> None:
    """Each defect has its check's code and weight and says in the reader's language what is missing."""
    case, _photos = world.closed_case(photos=1, procedure="advice", party={"name": "演示当事人"})
    found = _get(auditor, f"/cases/{case}/audit")
    assert [(one["code"], one["message"]) for one in found["defects"]] == [("A22", "劝导案件没有提示单")]
    assert found["score"] == 97
    english = _get(auditor, f"/cases/{case}/audit", "en")
    assert english["defects"][0]["message"] == "an advised case without a slip"


def test_a_month_lists_its_files_worst_first(world: World, auditor: Console) -> None:
    """The pack holds the month's registered cases with their scores, counts what failed, and no other month's."""
    whole, _ = world.closed_case(photos=1)
    lacking, _ = world.closed_case(photos=1, procedure="advice")
    month = _month(world, whole)
    pack = _get(auditor, f"/audits?month={month}")
    assert [one["case"] for one in pack["cases"]] == [lacking, whole]
    assert (pack["files"], pack["by_check"], pack["mean"]) == (2, {"A22": 1}, 98.5)
    empty = _get(auditor, "/audits?month=2021-01")
    assert (empty["files"], empty["mean"], empty["cases"]) == (0, None, [])
    refused = auditor.client.get("/api/v1/audits?month=2021-13")
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_field")


def test_a_trail_names_who_did_what_on_the_case_and_its_photos(world: World, auditor: Console) -> None:
    """Every operation on the case and its evidence is there, with its author, in the order of arrival."""
    case, photos = world.closed_case(photos=2)
    trail = _get(auditor, f"/cases/{case}/trail")
    assert {one["record"] for one in trail} == {case, *photos}
    assert [one["received_at"] for one in trail] == sorted(one["received_at"] for one in trail)
    created = [one for one in trail if (one["kind"], one["record"]) == ("create", case)]
    assert len(created) == 1
    assert created[0]["name"]


def test_audits_are_for_those_who_answer_for_files(bureau: Bureau, world: World) -> None:
    """A dispatcher may not audit; a file of another unit is not found."""
    case, _ = world.closed_case(photos=1)
    dispatcher = bureau.console("diaodu", "dispatcher")
    answer = dispatcher.client.get(f"/api/v1/cases/{case}/audit")
    assert (answer.status_code, answer.json["code"]) == (403, "not_permitted")


def _month(world: World, case: str) -> str:
    number = world.bureau.change(lambda session: session.connection().exec_driver_sql(
        f"SELECT case_no FROM \"case\" WHERE id = '{case}'").scalar())  # fmt: skip
    return f"{number[6:10]}-{number[10:12]}"
