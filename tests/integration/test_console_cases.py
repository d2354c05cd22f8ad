"""The console's list of cases and its page of one case, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from field_api.casework.models import Case, Evidence
from field_api.extensions import db
from media.tables import EvidenceView
from sync.store.ids import new_id
from tests.browser.world import World
from tests.integration.people import PASSWORD, Bureau, Console

SMALL = (160, 120)


@pytest.fixture
def world(bureau: Bureau) -> World:
    return World(bureau)


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def get(client: FlaskClient, path: str, language: str = "zh-CN") -> str:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/html"
    return str(answer.text)


def submit(console: Console, path: str, **fields: str) -> TestResponse:
    """Send a form as its page would."""
    return console.client.post(path, data={"operation": new_id(), **fields}, headers=console.csrf)


def value(world: World, column: Any, record: str) -> Any:
    return world.bureau.change(lambda session: session.scalar(sa.select(column).where(column.class_.id == record)))


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """Collect the SELECTs of what runs inside."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_supervisor_signs_in_reads_and_signs_out(bureau: Bureau, world: World) -> None:
    """The form's cookie opens the page that was asked for, and signing out closes every page."""
    bureau.officer("shenhe", "supervisor")
    client = bureau.app.test_client()
    assert client.get("/").location == "/console/"
    answer = client.get(f"/console/cases/{new_id()}")
    assert answer.status_code == 303
    assert answer.location.startswith("/console/login?next=/console/cases/")
    form = {"username": "shenhe", "password": PASSWORD, "next": "/console/delivery"}
    answer = client.post("/console/login", data=form)
    assert (answer.status_code, answer.location) == (303, "/console/delivery")
    token = re.search(r'name="csrf_token" value="([^"]+)"', get(client, "/console/"))
    assert token is not None
    answer = client.post("/console/logout", data={"csrf_token": token[1]})
    assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (303, '"cache"')
    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize(("language", "words"), [("zh-CN", "账号或密码不对"), ("en", "User name or password is wrong")])
def test_a_wrong_password_is_told_in_plain_words(bureau: Bureau, world: World, language: str, words: str) -> None:
    """The form comes back with the name that was typed, without the password, and says what to do."""
    form = {"username": "nobody", "password": "not the one"}
    answer = bureau.app.test_client().post("/console/login", data=form, headers={"Accept-Language": language})
    assert answer.status_code == 401
    assert words in answer.text
    assert 'value="nobody"' in answer.text
    assert "not the one" not in answer.text


def test_signing_in_never_leads_off_this_site(bureau: Bureau, world: World) -> None:
    """A link that somebody else made cannot send a reader elsewhere after his sign-in."""
    bureau.officer("shenhe", "supervisor")
    for target in ("https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)"):
        form = {"username": "shenhe", "password": PASSWORD, "next": target}
        assert bureau.app.test_client().post("/console/login", data=form).location == "/console/"


def test_a_field_officer_has_no_place_at_the_console(bureau: Bureau, world: World) -> None:
    """His right password is told apart from a wrong one, and opens nothing."""
    form = {"username": "officer1", "password": PASSWORD}
    answer = bureau.app.test_client().post("/console/login", data=form)
    assert answer.status_code == 403
    assert "没有审核台的岗位" in answer.text


def test_a_case_is_shown_with_everything_that_belongs_to_it(world: World, supervisor: Console) -> None:
    """Facts, steps with their authors, notes, documents, photos and the other side's check stand on one page."""
    liaison = world.author("jiaojing", "liaison", unit="traffic")
    incident = world.create("incident", {"category": "0114", "address": "演示数据：路口"})
    case, photos = world.closed_case(photos=2, incident=incident, party={"name": "演示当事人"})
    world.create("vehicle_check", {"incident": incident, "plate": "川Z00000", "cargo": "渣土"}, liaison)
    world.append(case, "notes", world.other, text="演示数据：备注一")
    world.append(case, "documents", type="D05", number="演示-0042")
    page = get(supervisor.client, f"/console/cases/{case}")
    expected = ["占道经营", "演示当事人", "出示证件", "演示 officer2", "备注一", "演示-0042", "川Z00000", "签名有效"]
    assert [text for text in expected if text not in page] == []
    assert [f'id="photo-{photo}"' in page for photo in photos] == [True, True]
    assert "under review" in get(supervisor.client, f"/console/cases/{case}", "en")


def test_what_people_write_is_text_and_never_markup(world: World, supervisor: Console) -> None:
    """Whatever stands in a field, in a search or in a conflict, no tag of it reaches the page."""
    evil = '<script>alert("x")</script>'
    case = world.case(description=evil, address=evil)
    world.append(case, "notes", text=evil)
    conflict = world.conflict(case, "shop_name", f"{evil}甲", f"{evil}<b>乙</b>")
    for path in (f"/console/?q={evil}", f"/console/cases/{case}", f"/console/conflicts/{conflict}"):
        page = get(supervisor.client, path)
        assert "alert" in page
        assert "<script>" not in page
        assert "<b>乙" not in page


def test_a_page_costs_the_same_selects_for_one_case_and_for_many(
    app: Flask, world: World, supervisor: Console
) -> None:
    """No SELECT is made for each case of the list, nor for each photo of a case."""
    case = world.case()
    world.photo(case, size=SMALL)
    costs = []
    for _ in range(2):
        for path in ("/console/", f"/console/cases/{case}"):
            with counted(app) as seen:
                get(supervisor.client, path)
            costs.append(len(seen))
        for seed in range(5):
            world.photo(case, seed=seed + 2, size=SMALL)
        for _ in range(19):
            world.case(author=world.other)
    assert costs[:2] == costs[2:]
    # A case's own nine, four of its limits, defects, doubts and reviews, and who asks and what waits.
    assert max(costs) <= 16


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("review=under_review", [False, True]),
        ("status=draft", [True, False]),
        ("delivery=none", [True, True]),
        ("delivery=held", [False, False]),
        ("unit=u1", [True, True]),
        ("unit=u2", [False, False]),
        ("q=滨河路", [True, False]),
        ("q=5114", [False, True]),
        ("q=%25", [False, False]),
        ("q=%00", [True, True]),
        ("page=2", [False, False]),
        ("page=99999999999999999999&status=draft", [False, False]),
    ],
)
def test_the_list_shows_what_was_asked_for(
    world: World, supervisor: Console, query: str, expected: list[bool]
) -> None:
    """Each filter holds, wildcards are letters, and what no database can hold is left out of the question."""
    draft = world.case(address="演示数据：滨河路 7 号")
    closed, _ = world.closed_case(photos=0)
    page = get(supervisor.client, f"/console/?{query}")
    assert [f"/console/cases/{one}" in page for one in (draft, closed)] == expected


def test_what_lies_outside_the_scope_is_a_page_that_says_not_found(world: World, bureau: Bureau) -> None:
    """Cases, photos and verdicts of another unit do not exist for this reader, and the answer is a page."""
    case, photos = world.closed_case(photos=1)
    stranger = Console.__new__(Console)
    bureau.officer("elsewhere", "supervisor", unit="u2")
    client = bureau.app.test_client()
    client.post("/console/login", data={"username": "elsewhere", "password": PASSWORD})
    token = re.search(r'name="csrf_token" value="([^"]+)"', get(client, "/console/"))
    assert token is not None
    stranger.client, stranger.csrf = client, {"X-CSRF-Token": token[1]}
    assert case not in get(client, "/console/")
    answers = [
        client.get(f"/console/cases/{case}"),
        client.get(f"/console/evidence/{photos[0]}/thumbnail"),
        client.get("/console/cases/nothing"),
        submit(stranger, f"/console/cases/{case}/verdict", verdict="passed"),
        submit(stranger, f"/console/cases/{case}/photos/{photos[0]}/verdict", verdict="passed"),
    ]
    assert [(answer.status_code, answer.mimetype) for answer in answers] == [(404, "text/html")] * 5
    assert "没有找到" in answers[0].text


def test_verdicts_are_plain_forms(world: World, supervisor: Console) -> None:
    """Photos and the case are passed and returned without any script, and the page says so."""
    case, photos = world.closed_case(photos=2)
    path = f"/console/cases/{case}"
    answer = submit(supervisor, f"{path}/photos/{photos[0]}/verdict", verdict="passed")
    assert (answer.status_code, answer.location) == (303, f"{path}?done=passed#photo-{photos[0]}")
    submit(supervisor, f"{path}/photos/{photos[1]}/verdict", verdict="returned", reason="演示数据：模糊")
    submit(supervisor, f"{path}/verdict", verdict="returned", reason="演示数据：请补拍")
    assert [value(world, Evidence.review, photo) for photo in photos] == ["passed", "returned"]
    assert value(world, Case.review, case) == "returned"
    page = get(supervisor.client, f"{path}?done=returned")
    assert "演示数据：请补拍" in page
    assert "已退回" in page
    submit(supervisor, f"{path}/verdict", verdict="passed")
    assert value(world, Case.review, case) == "passed"


def test_nobody_passes_what_he_has_not_seen(world: World, supervisor: Console) -> None:
    """Every form names the version that its page showed; what changed since is said on the page, and looked at."""
    case, photos = world.closed_case(photos=1)
    path = f"/console/cases/{case}"
    before = get(supervisor.client, path)
    assert before.count('name="base"') == before.count('name="operation"') == 4
    bases = set(re.findall(r'name="base" value="(\d+)"', before))
    assert bases == {str(world.version(case)), str(world.version(photos[0]))}
    base = str(world.version(case))
    world.append(case, "timeline", step="guide")
    refused = submit(supervisor, f"{path}/verdict", verdict="passed", base=base)
    assert refused.location == f"{path}?problem=changed_meanwhile"
    assert "您查看之后内容又有改动" in get(supervisor.client, refused.location)
    assert value(world, Case.review, case) == "under_review"
    submit(supervisor, f"{path}/verdict", verdict="passed", base=str(world.version(case)))
    assert value(world, Case.review, case) == "passed"


def test_an_open_case_can_be_returned_and_not_passed(world: World, supervisor: Console) -> None:
    """The page offers the one and explains why not the other."""
    case = world.case()
    world.step(case, "register")
    path = f"/console/cases/{case}"
    refused = submit(supervisor, f"{path}/verdict", verdict="passed")
    assert refused.location == f"{path}?problem=case_not_closed"
    submit(supervisor, f"{path}/verdict", verdict="returned", reason="演示数据：请补拍")
    world.step(case, "investigate")
    page = get(supervisor.client, path)
    assert "结案后才能通过" in page
    assert 'value="passed"' not in page


def test_a_return_without_a_reason_is_not_taken(world: World, supervisor: Console) -> None:
    """The officer in the field must read why; the page of the case says what lacks."""
    case, photos = world.closed_case(photos=1)
    answer = submit(supervisor, f"/console/cases/{case}/photos/{photos[0]}/verdict", verdict="returned", reason=" ")
    assert (answer.status_code, answer.location) == (303, f"/console/cases/{case}?problem=invalid_field")
    assert value(world, Evidence.review, photos[0]) == "pending"


def test_a_form_that_no_page_of_ours_made_changes_nothing(world: World, supervisor: Console) -> None:
    """Without the session's proof, or from another site, a verdict is refused with a page."""
    case, _ = world.closed_case(photos=0)
    path, form = f"/console/cases/{case}/verdict", {"operation": new_id(), "verdict": "passed"}
    client = supervisor.client
    answers = [
        client.post(path, data=form),
        client.post(path, data=form | {"csrf_token": "x"}),
        client.post(path, data=form, headers=supervisor.csrf | {"Origin": "https://example.org"}),
        client.post("/console/logout"),
    ]
    assert [(answer.status_code, answer.mimetype) for answer in answers] == [(403, "text/html")] * 4
    assert value(world, Case.review, case) == "under_review"


def test_nobody_judges_a_case_that_he_had_a_hand_in(world: World, bureau: Bureau, supervisor: Console) -> None:
    """The page says why and shows no form; a form sent all the same is refused and explained on the page."""
    case, photos = world.closed_case(photos=1)
    me = bureau.change(lambda session: session.scalar(sa.text("SELECT id FROM officer WHERE username = 'shenhe'")))
    world.append(case, "timeline", world.as_officer(me), step="educate")
    page = get(supervisor.client, f"/console/cases/{case}")
    assert "须由其他审核人员审核" in page
    assert "/verdict" not in page
    answer = submit(supervisor, f"/console/cases/{case}/photos/{photos[0]}/verdict", verdict="passed")
    assert answer.location == f"/console/cases/{case}?problem=own_case"
    assert "不能审核自己办理的案件" in get(supervisor.client, answer.location)
    assert value(world, Evidence.review, photos[0]) == "pending"


@pytest.mark.parametrize("role", ["dispatcher", "auditor", "admin"])
def test_who_does_not_supervise_may_look_and_not_judge(world: World, bureau: Bureau, role: str) -> None:
    """The page holds no verdict, and one that is sent all the same is refused."""
    case, _ = world.closed_case(photos=1)
    reader = bureau.console(role, role)
    assert "/verdict" not in get(reader.client, f"/console/cases/{case}")
    assert submit(reader, f"/console/cases/{case}/verdict", verdict="passed").status_code == 403


def test_every_picture_that_is_shown_is_logged(world: World, supervisor: Console) -> None:
    """Each kind gives its bytes and one row of the ledger."""
    case = world.case()
    photo = world.photo(case, size=SMALL)
    path, kinds = f"/console/evidence/{photo}", ("thumbnail", "review", "original")
    answers = {kind: supervisor.client.get(f"{path}/{kind}") for kind in kinds}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {answer.mimetype for answer in answers.values()} == {"image/jpeg"}
    assert len(answers["original"].data) == value(world, Evidence.size, photo)
    for answer in answers.values():
        answer.close()
    seen = world.bureau.change(lambda session: session.scalars(sa.select(EvidenceView.kind)).all())
    assert sorted(seen) == ["original", "review", "thumbnail"]
    assert supervisor.client.get(f"{path}/other").status_code == 404


def test_originals_are_for_the_unit_and_those_who_judge(world: World, bureau: Bureau) -> None:
    """Who sees a case by its grid alone is refused the original, and no look at it is written down."""
    grid = "511402001001001"
    photo = world.photo(world.case(grid=grid))
    for role, status in (("dispatcher", 403), ("auditor", 200)):
        world.author(role, role, unit="u2", grids=(grid,))
        reader = bureau.console_of(role)
        with reader.client.get(f"/console/evidence/{photo}/original") as answer:
            assert (answer.status_code, answer.mimetype == "text/html") == (status, status == 403)
        with reader.client.get(f"/console/evidence/{photo}/thumbnail") as answer:
            assert answer.status_code == 200
    seen = bureau.change(lambda session: session.scalars(sa.select(EvidenceView.kind)).all())
    assert sorted(seen) == ["original", "thumbnail", "thumbnail"]


@pytest.mark.parametrize(("lack", "words"), [("arrives", "等待终端上传"), ("derived", "正在准备")])
def test_a_picture_that_is_not_there_yet_is_a_drawing_and_no_view(
    world: World, supervisor: Console, lack: str, words: str
) -> None:
    """What could not be shown is not logged as shown, and the drawing is not kept by the browser."""
    photo = world.photo(world.case(), size=SMALL, **{lack: False})
    answer = supervisor.client.get(f"/console/evidence/{photo}/thumbnail")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert (words in answer.text, answer.headers["Cache-Control"]) == (True, "no-store")
    assert world.bureau.change(lambda session: session.scalars(sa.select(EvidenceView.id)).all()) == []
