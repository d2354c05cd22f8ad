"""The console's quarantine: read in plain words, corrected and tried again, closed; and what still waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from field_api.auth import officers
from field_api.casework.enums import label
from field_api.extensions import db
from sync.store.tables import OperationRow
from tests.integration.field import CATEGORY, Terminal, instant, new_id, terminal
from tests.integration.people import Bureau, Console, now

WORDS = "演示数据：与执法人员核对过"
LIST = "/console/quarantine"
LATE = ">等待过久<"


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def page(console: Console, path: str = LIST, language: str = "zh-CN") -> str:
    answer = console.client.get(path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), answer.text
    return str(answer.text)


def submit(console: Console, operation: str, what: str, **fields: str) -> TestResponse:
    form = {"reason": WORDS, **{name.replace("__", "."): value for name, value in fields.items()}}
    return console.client.post(f"{LIST}/{operation}/{what}", data=form, headers=console.csrf)


def quarantined(own: Terminal, **values: Any) -> dict[str, Any]:
    """A case that cannot be made as it is."""
    bad = own.create("case", **values)
    [result] = own.send(bad)
    assert result["outcome"] == "quarantined", result
    return bad


def outcome(bureau: Bureau, operation: str) -> str:
    query = sa.select(OperationRow.outcome).where(OperationRow.id == operation)
    return str(bureau.change(lambda session: session.scalar(query)))


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement that is sent meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def test_an_entry_is_read_in_plain_words(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """Who, from which terminal, what, which field and why, and the content by the fields' names."""
    bad = quarantined(own, amount_fen=-5, description="演示数据：占道经营")
    for path in (LIST, f"{LIST}/{bad['id']}"):
        shown = page(supervisor, path)
        for text in ("演示 officer1", own.handheld.terminal_no, "有字段填写不正确", "案件 · 新建", "金额", "应在 0 到",
                     "单位：分", "−¥0.05", "占道经营", label("category", CATEGORY, "zh")):
            assert text in shown, (path, text)
    assert "must lie between them" in page(supervisor, LIST, "en")
    assert f'href="{LIST}/{bad["id"]}"' in page(supervisor)


def test_a_corrected_operation_is_applied_and_its_author_hears_of_it(
    bureau: Bureau, own: Terminal, supervisor: Console
) -> None:
    """The form's yuan become fen; the rest of the operation is as it came; the next pull settles it."""
    bad = quarantined(own, amount_fen=-5, description="演示数据：占道经营")
    shown = page(supervisor, f"{LIST}/{bad['id']}")
    assert 'name="set.amount_fen"' in shown
    assert 'value="-0.05"' in shown
    assert 'name="set.description"' not in shown
    answer = submit(supervisor, bad["id"], "replay", set__amount_fen="50.5")
    assert (answer.status_code, answer.location) == (303, f"{LIST}/{bad['id']}?done=applied")
    after = page(supervisor, answer.location)
    for text in ("已执行", WORDS, "¥50.50", f'href="/console/cases/{bad["record"]}"'):
        assert text in after, text
    assert "/replay" not in after
    assert [(one["id"], one["outcome"]) for one in own.page()["settled"]] == [(bad["id"], "applied")]
    body = own.body(bad["record"])
    assert (body["amount_fen"], body["description"]) == (5050, "演示数据：占道经营")
    assert "隔离区是空的" in page(supervisor)
    again = submit(supervisor, bad["id"], "replay", set__amount_fen="1")
    assert again.location == f"{LIST}/{bad['id']}?problem=not_quarantined"


def test_each_kind_is_typed_in_its_own_way(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """A code is chosen, a time is the bureau's, text is text; an emptied field is taken out."""
    bad = quarantined(own, category="9999", occurred_at="yesterday", address=7, shop_name=["a"])
    shown = page(supervisor, f"{LIST}/{bad['id']}")
    for text in ('<option value="9999" selected>', 'type="datetime-local"', '<textarea id="set-address"'):
        assert text in shown, text
    answer = submit(
        supervisor, bad["id"], "replay", set__category="0405", set__occurred_at="2026-11-22T09:30:00",
        set__address="演示数据：示范路", set__shop_name="x",
    )  # fmt: skip
    assert answer.location.endswith("?done=applied"), page(supervisor, answer.location)
    own.pull()
    body = own.body(bad["record"])
    assert (body["category"], body["address"]) == ("0405", "演示数据：示范路")
    assert body["occurred_at"] == "2026-11-22T09:30:00.000+08:00"


def test_a_flag_is_chosen_and_a_whole_number_typed(bureau: Bureau, supervisor: Console) -> None:
    """Of a vehicle check: what is true or false, and metres."""
    liaison = terminal(bureau, "jiaojing", "liaison")
    bad = liaison.create("vehicle_check", checked_at="2026-11-22T09:30:00.000+08:00", sealed="no", spill_length_m="40")
    [result] = liaison.send(bad)
    assert result["outcome"] == "quarantined", result
    missing = submit(supervisor, bad["id"], "replay", set__sealed="maybe", set__spill_length_m="40")
    assert missing.location.endswith("?problem=invalid_field")
    answer = submit(supervisor, bad["id"], "replay", set__sealed="false", set__spill_length_m="40")
    assert answer.location.endswith("?done=applied"), page(supervisor, answer.location)
    liaison.pull()
    body = liaison.body(bad["record"])
    assert (body["sealed"], body["spill_length_m"]) == (False, 40)


def test_what_was_corrected_before_is_kept_when_it_is_tried_once_more(
    bureau: Bureau, own: Terminal, supervisor: Console
) -> None:
    """A second try stands on the first: its values are in the form, with who changed them and why."""
    bad = quarantined(own, category="9999", amount_fen=-5)
    first = submit(supervisor, bad["id"], "replay", set__category="0405", set__amount_fen="-0.05")
    assert first.location.endswith("?done=quarantined")
    shown = page(supervisor, first.location)
    for text in ("仍然无法执行", '<option value="0405" selected>', WORDS, "演示 shenhe"):
        assert text in shown, text
    assert own.page()["settled"] == []
    second = submit(supervisor, bad["id"], "replay", set__category="0405", set__amount_fen="")
    assert second.location.endswith("?done=applied"), page(supervisor, second.location)
    own.pull()
    body = own.body(bad["record"])
    assert (body["category"], body["amount_fen"]) == ("0405", None)


@pytest.mark.parametrize("typed", ["abc", "1.005", "１２", "99999999999999999", "1e3", ".", "-"])
def test_what_is_no_number_changes_nothing(bureau: Bureau, own: Terminal, supervisor: Console, typed: str) -> None:
    """The reader is told on the operation's page, and it stays as it was."""
    bad = quarantined(own, amount_fen=-5)
    answer = submit(supervisor, bad["id"], "replay", set__amount_fen=typed)
    assert answer.location == f"{LIST}/{bad['id']}?problem=invalid_field"
    assert outcome(bureau, bad["id"]) == "quarantined"


def test_closing_needs_a_reason_and_a_confirmation(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """Without either nothing happens; with both the terminal is told the reason."""
    bad = quarantined(own, amount_fen=-5)
    for lacking in ({}, {"confirm": "yes", "reason": " "}):
        assert submit(supervisor, bad["id"], "dismissal", **lacking).location.endswith("?problem=invalid_field")
    assert submit(supervisor, bad["id"], "replay", reason="").location.endswith("?problem=invalid_field")
    assert outcome(bureau, bad["id"]) == "quarantined"
    answer = submit(supervisor, bad["id"], "dismissal", confirm="yes")
    assert answer.location == f"{LIST}/{bad['id']}?done=dismissed"
    assert "已关闭，没有执行" in page(supervisor, answer.location)
    [settled] = own.page()["settled"]
    assert (settled["id"], settled["outcome"], settled["reason"]) == (bad["id"], "dismissed", WORDS)


def test_only_who_may_repair_by_the_api_may_here(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """Another role is refused, another unit's supervisor finds nothing, a form without its proof counts nothing."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    bureau.officer("li", "supervisor", unit="u2")
    dispatcher, admin = bureau.console("diaodu", "dispatcher"), bureau.console("zhou")
    stranger = bureau.console_of("li")
    bad = quarantined(own, amount_fen=-5)
    path = f"{LIST}/{bad['id']}"
    assert dispatcher.client.get(LIST).status_code == dispatcher.client.get(path).status_code == 403
    assert LIST not in page(dispatcher, "/console/")
    assert stranger.client.get(path).status_code == 404
    assert bad["id"] not in page(stranger)
    for what in ("replay", "dismissal"):
        assert submit(dispatcher, bad["id"], what, confirm="yes").status_code == 403
        assert submit(stranger, bad["id"], what, confirm="yes").status_code == 404
        assert submit(supervisor, new_id(), what, confirm="yes").status_code == 404
        forged = supervisor.client.post(f"{path}/{what}", data={"reason": WORDS, "confirm": "yes"})
        assert (forged.status_code, forged.mimetype) == (403, "text/html")
    assert outcome(bureau, bad["id"]) == "quarantined"
    assert submit(admin, bad["id"], "dismissal", confirm="yes").location.endswith("?done=dismissed")


def test_what_was_never_quarantined_is_not_shown_here(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """The page is for what a person had to deal with, not a way around a record's scope."""
    good = own.create("case")
    own.done(good)
    for name in (good["id"], new_id(), "nothing", "%00", "%ED%A0%80", "x" * 3000):
        assert supervisor.client.get(f"{LIST}/{name}").status_code == 404, name


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\x1b[31m\r\n\t<script>", "演" * 5000])
def test_hostile_text_is_shown_and_can_be_replaced(
    bureau: Bureau, own: Terminal, supervisor: Console, text: str
) -> None:
    """What no database and no page can hold still has its page, and a correction makes it a case."""
    bad = own.create("case", shop_name=text, amount_fen=-5)
    body = own.post_raw(_envelope(own, bad))
    assert body.json["results"][0]["outcome"] == "quarantined", body.json
    shown = page(supervisor, f"{LIST}/{bad['id']}") + page(supervisor)
    assert "<script>" not in shown.partition("<main")[2]
    replay = submit(supervisor, bad["id"], "replay", set__shop_name="演示店", set__amount_fen="")
    if replay.location.endswith("?done=quarantined"):
        replay = submit(supervisor, bad["id"], "replay", set__shop_name="演示店", set__amount_fen="")
    assert replay.location.endswith("?done=applied"), page(supervisor, replay.location)


def _envelope(own: Terminal, operation: dict[str, Any]) -> bytes:
    """A push as a program writes it that escapes everything."""
    return json.dumps(
        {"protocol": 1, "schema": 1, "app": "1.0.0", "batch": new_id(), "store": own.store,
         "clock": {"wall": instant()}, "operations": [operation]}
    ).encode()  # fmt: skip


def test_what_cannot_be_read_at_all_can_only_be_closed(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """Something without an id has its page too, offers no field, and is closed there."""
    own.post(["nonsense", {"set": 5, "after": [{}]}])
    rows = bureau.change(lambda session: list(session.scalars(sa.select(OperationRow.id))))
    strays = [row for row in rows if row.startswith("unnamed:")]
    assert len(strays) == 2
    for stray in strays:
        shown = page(supervisor, f"{LIST}/{stray}")
        assert 'name="set.' not in shown
        assert submit(supervisor, stray, "replay").location.endswith("?done=quarantined")
        assert submit(supervisor, stray, "dismissal", confirm="yes").location.endswith("?done=dismissed")


def test_what_waits_is_listed_with_what_it_waits_for(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """A photo without its case, an edit behind a quarantined one; more than a day old ones first, and marked."""
    bad = quarantined(own, amount_fen=-5)
    behind = own.patch("case", bad["record"], {"operation": bad["id"]}, description="演示数据")
    photo = own.photo(new_id(), own.officer)
    known = own.create("incident", occurred_at=instant())
    own.done(known)
    newer = own.patch("incident", known["record"], 99, description="演示数据")
    unknown = own.patch("incident", new_id(), 3, description="演示数据")
    stray = own.patch("incident", known["record"], {"operation": new_id()}, description="演示数据")
    assert {one["outcome"] for one in own.send(behind, photo, newer, unknown, stray)} == {"parked"}
    assert LATE not in page(supervisor)
    old = sa.update(OperationRow).where(OperationRow.id == photo["id"]).values(received_at=now() - timedelta(hours=25))
    bureau.change(lambda session: session.execute(old))
    shown = page(supervisor)[page(supervisor).index('id="parked"') :]
    assert shown.count(LATE) == 1
    assert shown.index(photo["set"]["case"]) < shown.index(bad["id"])
    for text in ("案件的新建（隔离）", f'href="{LIST}/{bad["id"]}"', "案件（尚未到达）",
                 "事件（尚未到达）", "此事件的更新版本", "另一操作（尚未到达）"):
        assert text in shown, text
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    bureau.officer("li", "supervisor", unit="u2")
    assert photo["id"] not in page(bureau.console_of("li"))


def test_the_list_asks_no_more_for_many_than_for_one(
    bureau: Bureau, app: Flask, own: Terminal, supervisor: Console
) -> None:
    """The number of statements is the same for one entry of each list and for ten."""
    counts = []
    for number in (1, 9):
        for _ in range(number):
            quarantined(own, amount_fen=-5)
        own.send(*(own.photo(new_id(), own.officer) for _ in range(number)))
        with statements(app) as seen:
            page(supervisor)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_what_waits_too_long_is_opened_and_closed(bureau: Bureau, own: Terminal, supervisor: Console) -> None:
    """The row leads to its page, which names what is waited for; there a person tries again or closes it."""
    photo = own.photo(new_id(), own.officer)
    member = own.create("incident", occurred_at=instant()) | {"group": {"id": new_id(), "size": 2}}
    own.send(photo, member)
    path = f"{LIST}/{photo['id']}"
    assert f'href="{path}"' not in page(supervisor)
    assert "同组的其他操作（尚未到齐）" in page(supervisor)
    old = sa.update(OperationRow).where(OperationRow.id == photo["id"]).values(received_at=now() - timedelta(hours=25))
    bureau.change(lambda session: session.execute(old))
    assert f'href="{path}"' in page(supervisor)
    assert photo["set"]["case"] in page(supervisor, path)
    assert submit(supervisor, photo["id"], "replay").location.endswith("?done=parked")
    assert submit(supervisor, photo["id"], "dismissal", confirm="yes").location.endswith("?done=dismissed")
    assert photo["id"] not in page(supervisor)
