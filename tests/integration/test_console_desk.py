"""The console's conflicts, deliveries, quarantine and problem pages, on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from field_api.casework.models import Case
from field_api.problems import CATALOGUE
from sync.store.ids import new_id
from sync.store.outbox import OutboxRow
from sync.store.tables import ConflictRow, RecordRow
from tests.browser.world import DESCRIPTION, World
from tests.integration.people import Bureau, Console

WORDS = "演示数据：依照片为准"


@pytest.fixture
def world(bureau: Bureau) -> World:
    return World(bureau)


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def page(console: Console, path: str, language: str = "zh-CN") -> str:
    answer = console.client.get(path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), answer.text
    return str(answer.text)


def settle(console: Console, conflict: str, **fields: str) -> TestResponse:
    form = {"operation": new_id(), "reason": WORDS, **fields}
    return console.client.post(f"/console/conflicts/{conflict}", data=form, headers=console.csrf)


def one(world: World, column: Any, record: str) -> Any:
    return world.bureau.change(lambda session: session.scalar(sa.select(column).where(column.class_.id == record)))


def standing(world: World, record: str) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(one(world, RecordRow.body, record))
    return body


def test_both_values_stand_side_by_side_with_their_authors(world: World, supervisor: Console) -> None:
    """The page names who wrote what, says which value stands, and marks the words that differ."""
    conflict = world.conflict(world.case())
    assert f"/console/conflicts/{conflict}" in page(supervisor, "/console/conflicts")
    shown = page(supervisor, f"/console/conflicts/{conflict}")
    for text in ("演示 officer1", "演示 officer2", "现行值", "<mark>蔬菜</mark>", "<mark>水果</mark>", DESCRIPTION):
        assert text in shown, text


def test_the_later_value_can_be_made_to_stand(world: World, supervisor: Console) -> None:
    """Settling is an operation: the case changes, the conflict closes, and the page tells who and why."""
    case = world.case()
    conflict = world.conflict(case)
    answer = settle(supervisor, conflict, keep="mine")
    assert (answer.status_code, answer.location) == (303, f"/console/conflicts/{conflict}?done=resolved")
    assert "人行道约三米" in standing(world, case)["description"]
    assert WORDS in page(supervisor, f"/console/conflicts/{conflict}")
    assert f"/console/conflicts/{conflict}" not in page(supervisor, "/console/conflicts")
    assert f"/console/conflicts/{conflict}" in page(supervisor, "/console/conflicts?state=resolved")
    assert settle(supervisor, conflict, keep="theirs").location.endswith("?problem=already_resolved")


@pytest.mark.parametrize(
    ("field", "first", "second", "typed", "expected"),
    [
        ("amount_fen", 20000, 5000, {"value": "123.4"}, 12340),
        ("legal_basis", ["演示一"], ["演示二"], {"value": "演示三\r\n演示四\r\n"}, ["演示三", "演示四"]),
        ("party", {"name": "演示甲"}, {"name": "演示乙"}, {"value.name": "演示丙"}, {"name": "演示丙"}),
        ("address", "演示一路", "演示二路", {"value": "演示　三路"}, "演示　三路"),
    ],
)
def test_another_value_is_typed_in_its_own_way(
    world: World, supervisor: Console, field: str, first: Any, second: Any, typed: dict[str, str], expected: Any
) -> None:
    """Yuan become fen, lines a list, parts a group, and what neither side wrote stands."""
    case = world.case()
    conflict = world.conflict(case, field, first, second)
    assert page(supervisor, f"/console/conflicts/{conflict}").count('name="value') >= 1
    assert settle(supervisor, conflict, keep="value", **typed).location.endswith("?done=resolved")
    assert standing(world, case)[field] == expected


@pytest.mark.parametrize("typed", ["-5", "1.005", "abc", "", "１２", "99999999999999", "1e3", "."])
def test_a_value_that_cannot_stand_settles_nothing(world: World, supervisor: Console, typed: str) -> None:
    """The reader is told on the conflict's page, and the conflict stays open."""
    conflict = world.conflict(world.case(), "amount_fen", 20000, 5000)
    answer = settle(supervisor, conflict, keep="value", value=typed)
    assert answer.location == f"/console/conflicts/{conflict}?problem=invalid_field"
    assert one(world, ConflictRow.state, conflict) == "open"


def test_a_conflict_is_settled_by_supervisors_of_its_scope_only(world: World, bureau: Bureau) -> None:
    """Others may look, or not even that."""
    conflict = world.conflict(world.case())
    dispatcher = bureau.console("diaodu", "dispatcher")
    assert "不能处理冲突" in page(dispatcher, f"/console/conflicts/{conflict}")
    assert settle(dispatcher, conflict, keep="mine").status_code == 403
    stranger = bureau.console("legal2", "legal")
    bureau.change(lambda session: session.execute(sa.text("UPDATE officer SET unit = 'u2' WHERE username = 'legal2'")))
    assert stranger.client.get(f"/console/conflicts/{conflict}").status_code == 404
    assert settle(stranger, conflict, keep="mine").status_code == 404
    assert one(world, ConflictRow.state, conflict) == "open"


def delivered(world: World, *ends: tuple[str, str]) -> list[str]:
    """One case for each end of a delivery; returns the outbox rows."""
    reviewer = world.author("reviewer", "supervisor")
    rows = []
    for end, words in ends:
        case, photos = world.closed_case(photos=0)
        world.judge(case, photos, reviewer)
        rows.append(world.deliver(case, end, words))
    return rows


def test_deliveries_that_wait_for_a_person_come_first(world: World, supervisor: Console) -> None:
    """Held before refused before done, each with what there is to know: why, the centre's words, the number."""
    delivered(world, ("done", "演示-117"), ("refused", "演示数据：地址不清"), ("held", "演示数据：没有应答"))
    shown = page(supervisor, "/console/delivery")
    places = [shown.index(text) for text in ("演示数据：没有应答", "演示数据：地址不清", "演示-117")]
    assert places == sorted(places)
    assert shown.count("/again") == 1
    assert "演示-117" not in page(supervisor, "/console/delivery?state=held")


def test_a_held_delivery_is_sent_again_once(world: World, supervisor: Console, bureau: Bureau) -> None:
    """The row waits again and the case says so; a second click finds nothing to do; an auditor may not."""
    [row] = delivered(world, ("held", "演示数据：没有应答"))
    path, auditor = f"/console/delivery/{row}/again", bureau.console("shenji", "auditor")
    assert auditor.client.post(path, headers=auditor.csrf).status_code == 403
    assert supervisor.client.post(path).status_code == 403
    assert one(world, OutboxRow.state, row) == "held"
    answers = [supervisor.client.post(path, headers=supervisor.csrf).location for _ in range(2)]
    assert answers == ["/console/delivery?done=released", "/console/delivery?done=moved_on"]
    assert one(world, OutboxRow.state, row) == "waiting"
    assert one(world, Case.delivery, one(world, OutboxRow.subject, row)) == "waiting"
    nowhere = supervisor.client.post(f"/console/delivery/{new_id()}/again", headers=supervisor.csrf)
    assert nowhere.status_code == 404


def test_empty_desks_say_so(world: World, supervisor: Console) -> None:
    """A page without anything to do is no blank page."""
    assert "没有符合条件的案件" in page(supervisor, "/console/")
    assert "没有待处理的冲突" in page(supervisor, "/console/conflicts")
    assert "没有报送记录" in page(supervisor, "/console/delivery")
    assert "隔离区是空的" in page(supervisor, "/console/quarantine")


def test_every_problem_has_its_page_in_both_languages(world: World, bureau: Bureau) -> None:
    """What happened, what to do and how a terminal reacts, for everyone, signed in or not."""
    client = bureau.app.test_client()
    index = client.get("/problems/").text
    for kind in CATALOGUE.values():
        assert f'href="/problems/{kind.code}"' in index
        in_chinese, in_english = (kind.zh, kind.todo_zh, "终端"), (kind.en, kind.todo_en, "terminal")
        for language, words in (("zh-CN", in_chinese), ("en", in_english)):
            answer = client.get(f"/problems/{kind.code}", headers={"Accept-Language": language})
            assert answer.status_code == 200
            text = answer.text.replace("&#39;", "'")
            assert all(word in text for word in words), kind.code
    missing = client.get("/problems/nothing_of_ours")
    assert (missing.status_code, missing.mimetype) == (404, "text/html")


def test_a_reader_who_is_signed_in_never_loses_his_way_back(world: World, supervisor: Console, bureau: Bureau) -> None:
    """Pages that are open to anyone, and pages that are not there, keep the navigation for whom they know."""
    for path in ("/problems/", "/problems/own_case", "/console/nowhere", "/console/cases/nothing"):
        assert 'href="/console/conflicts"' in supervisor.client.get(path).text, path
    stranger = bureau.app.test_client()
    assert 'href="/console/conflicts"' not in stranger.get("/problems/").text
    assert stranger.get("/console/nowhere").status_code == 303


def test_the_chosen_language_is_kept_and_leads_nowhere_else(world: World, bureau: Bureau) -> None:
    """The choice outlives the browser's own wish; its link cannot be made to lead off this site."""
    client = bureau.app.test_client()
    answer = client.get("/console/language/en?next=/problems/own_case")
    assert (answer.status_code, answer.location) == (303, "/problems/own_case")
    assert '<html lang="en">' in client.get("/problems/", headers={"Accept-Language": "zh-CN"}).text
    assert client.get("/console/language/en?next=//example.org").location == "/console/"
    assert client.get("/console/language/fr").status_code == 404


@pytest.mark.parametrize(("language", "word"), [("zh-CN", "已作废"), ("en", "Voided")])
def test_what_is_voided_says_so_wherever_it_is_shown(
    world: World, supervisor: Console, language: str, word: str
) -> None:
    """The lists of cases and conflicts, both pages of one, its photo and its note mark it; what stands has no mark."""
    case, (photo, _) = world.closed_case(photos=2)
    conflict = world.conflict(case)
    world.append(case, "notes", text="演示数据")
    pages = ("/console/", "/console/conflicts", f"/console/conflicts/{conflict}", f"/console/cases/{case}")
    mark = f'<span class="badge bad">{word}</span>'
    assert [page(supervisor, path, language).count(mark) for path in pages] == [0, 0, 0, 0]
    chief = replace(world.author("chief", "supervisor"), supervisor=True)
    note = standing(world, case)["notes"][0]["id"]
    world.void(case, chief, list="notes", element=note, reason="of the note")
    world.void(photo, chief, kind="evidence", reason="of the photo")
    assert page(supervisor, pages[-1], language).count(mark) == 2
    world.void(case, chief, reason="of the case")
    assert [page(supervisor, path, language).count(mark) for path in pages] == [1, 1, 1, 3]
    for reason in ("of the note", "of the photo", "of the case"):
        assert reason in page(supervisor, pages[-1], language)


def test_a_cancelled_delivery_names_the_void(world: World, supervisor: Console) -> None:
    """Whoever wonders why a case was not delivered sees in the list that it is void."""
    case, photos = world.closed_case(photos=1)
    chief = replace(world.author("chief", "supervisor"), supervisor=True)
    world.judge(case, photos, chief)
    assert "已作废" not in page(supervisor, "/console/delivery")
    world.void(case, chief)
    assert "已作废" in page(supervisor, "/console/delivery")
