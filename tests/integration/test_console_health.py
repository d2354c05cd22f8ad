"""The console's page of the terminals' sync: how each stands, who needs a call first, and shutting one out."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.auth import officers
from sync.store.tables import StoreRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, Console, now
from tests.integration.test_console_repair import page, statements

HEALTH = "/console/health"
SILENT = "失联，至少"
OFF = "时钟偏差超过 5 分钟"


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def silence(bureau: Bureau, own: Terminal, hours: float = 25) -> None:
    """Have it be as long ago that a terminal pushed."""
    seen = sa.update(StoreRow).where(StoreRow.id == own.store).values(last_seen_at=now() - timedelta(hours=hours))
    bureau.change(lambda session: session.execute(seen))


def card(shown: str, own: Terminal) -> str:
    """What the page says of one terminal."""
    cards = [one for one in shown.split("<li class=")[1:] if f'class="no">{own.handheld.terminal_no}<' in one]
    assert len(cards) == 1
    return cards[0]


def test_a_terminal_is_shown_as_it_told_itself(bureau: Bureau, supervisor: Console) -> None:
    """Names, people, backlog, storage, clock, gaps in its numbers, and what is kept of it."""
    own = terminal(bureau, "officer1")
    own.number = 4
    wall = (now() + timedelta(minutes=6)).isoformat(timespec="milliseconds")
    health = {"pending": 12, "oldest_pending_at": "2026-11-20T01:00:00+00:00", "storage_free_bytes": 64_200_000_000}
    sent = (own.create("case"), own.create("case", amount_fen=-1), own.photo(new_id(), own.officer))
    own.push(*sent, health=health, clock={"wall": wall})
    shown = card(page(supervisor, HEALTH), own)
    for text in ("演示机", "1.0.0", "演示 officer1", "演示一中队", "<dd>12</dd>", "2026-11-20 09:00", "64.2 GB", OFF,
                 "+0:0", "<dt>缺号</dt><dd>4</dd>", "<dt>等待中</dt><dd>1</dd>", "<dt>隔离</dt><dd>1</dd>"):
        assert text in shown, text
    own.push(health={"pending": -1, "oldest_pending_at": "soon", "storage_free_bytes": "much"})
    shown = card(page(supervisor, HEALTH, "en"), own)
    assert "<dt>Unsent, as told then</dt><dd>0</dd>" in shown
    for text in (OFF, "Free storage", "The oldest of them"):
        assert text not in shown


def test_who_is_silent_with_unsent_work_comes_first(bureau: Bureau, supervisor: Console) -> None:
    """By the same rule as the alarm: what the last push brought is not unsent, nor what is kept here."""
    lately, done, behind, never = (terminal(bureau, name) for name in ("lately", "done", "behind", "never"))
    for one in (lately, behind):
        one.push(one.create("case"), one.create("case", amount_fen=-1), health={"pending": 9})
    done.push(done.create("case"), done.create("case", amount_fen=-1), health={"pending": 2})
    for one in (done, behind):
        silence(bureau, one)
    shown = page(supervisor, HEALTH)
    assert shown.count(SILENT) == 1
    assert f"{SILENT} 7 条" in card(shown, behind)
    places = [shown.index(f'class="no">{one.handheld.terminal_no}<') for one in (behind, done, lately, never)]
    assert places == sorted(places)
    assert "从未同步" in card(shown, never)


def test_a_reinstalled_terminal_is_one_line_by_its_newest_store(bureau: Bureau, supervisor: Console) -> None:
    """What an older store once told went with it."""
    own = terminal(bureau, "officer1")
    own.push(own.create("case"), health={"pending": 9})
    silence(bureau, own)
    again = Terminal(own.handheld, own.officer)
    again.push(again.create("case"), health={"pending": 3})
    shown = page(supervisor, HEALTH)
    assert (SILENT in shown, "<dd>3</dd>" in card(shown, own)) == (False, True)


def test_supervisors_see_their_units_terminals_and_administrators_all(bureau: Bureau, supervisor: Console) -> None:
    """A terminal is a unit's when somebody of it signed in there; one that nobody used is the administrator's."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    ours, theirs = terminal(bureau, "officer1"), terminal(bureau, "officer2", unit="u2")
    unused = bureau.handheld()
    admin, dispatcher = bureau.console("zhou"), bureau.console("diaodu", "dispatcher")
    shown = page(supervisor, HEALTH)
    assert f">{ours.handheld.terminal_no}<" in shown
    assert f">{theirs.handheld.terminal_no}<" not in shown
    assert "/revocation" not in shown
    shown = page(admin, HEALTH)
    for number in (ours.handheld.terminal_no, theirs.handheld.terminal_no, unused.terminal_no):
        assert f">{number}<" in shown
    assert "无人登录过" in shown
    assert dispatcher.client.get(HEALTH).status_code == 403
    assert HEALTH not in page(dispatcher, "/console/")


def test_an_administrator_revokes_a_terminal_with_a_confirmation(bureau: Bureau, supervisor: Console) -> None:
    """Nobody else may, nor without the page's proof or the confirmation; then its next request is refused."""
    own, admin = terminal(bureau, "officer1"), bureau.console("zhou")
    path, yes = f"{HEALTH}/{own.handheld.id}/revocation", {"confirm": "yes"}
    assert supervisor.client.post(path, data=yes, headers=supervisor.csrf).status_code == 403
    assert admin.client.post(path, data=yes).status_code == 403
    assert admin.client.post(path, headers=admin.csrf).location == f"{HEALTH}?problem=invalid_field"
    missing = admin.client.post(f"{HEALTH}/{new_id()}/revocation", data=yes, headers=admin.csrf)
    assert missing.status_code == 404
    assert own.ask().status_code == 200
    answer = admin.client.post(path, data=yes, headers=admin.csrf)
    assert (answer.status_code, answer.location) == (303, f"{HEALTH}?done=revoked")
    assert own.ask().json["code"] == "terminal_revoked"
    shown = card(page(admin, answer.location), own)
    assert "已吊销" in shown
    assert "/revocation" not in shown


def test_the_page_asks_no_more_for_many_than_for_one(bureau: Bureau, app: Flask, supervisor: Console) -> None:
    """The number of statements is the same for one terminal and for six."""
    counts = []
    for number in (1, 5):
        for _ in range(number):
            own = terminal(bureau, f"officer-{new_id()}")
            own.push(own.create("case", amount_fen=-1), own.photo(new_id(), own.officer), health={"pending": 9})
            silence(bureau, own)
        with statements(app) as seen:
            shown = page(supervisor, HEALTH)
        counts.append(len(seen))
    assert shown.count(SILENT) == 6
    assert counts[0] == counts[1]


def test_an_administrator_orders_a_wipe_with_a_confirmation(bureau: Bureau, supervisor: Console) -> None:
    """Ordered when and by whom, how, and that it was done, stand on the page; a revoked terminal's too."""
    own, admin = terminal(bureau, "officer1"), bureau.console("zhou")
    path, yes = f"{HEALTH}/{own.handheld.id}/wipe", {"confirm": "yes", "when": "after_push"}
    assert supervisor.client.post(path, data=yes, headers=supervisor.csrf).status_code == 403
    assert admin.client.post(path, data=yes).status_code == 403
    for form in ({"when": "now"}, {"confirm": "yes"}, yes | {"when": "later"}):
        refused = admin.client.post(path, data=form, headers=admin.csrf)
        assert refused.location == f"{HEALTH}?problem=invalid_field"
    assert "control" in own.push()
    assert own.push()["control"] == {}
    answer = admin.client.post(path, data=yes, headers=admin.csrf)
    assert (answer.status_code, answer.location) == (303, f"{HEALTH}?done=wipe_ordered")
    wipe = own.push()["control"]["wipe"]
    assert wipe["after_push"] is True
    shown = card(page(admin, answer.location), own)
    for text in ("待终端清空", "清空命令", "zhou · 先上传"):
        assert text in shown, text
    admin.client.post(f"{HEALTH}/{own.handheld.id}/revocation", data={"confirm": "yes"}, headers=admin.csrf)
    admin.client.post(path, data=yes | {"when": "now"}, headers=admin.csrf)
    assert own.push()["control"]["wipe"] == {"id": wipe["id"], "after_push": False}
    own.push(control_done=[wipe["id"]])
    shown = card(page(supervisor, HEALTH), own)
    assert ("已清空" in shown, "待终端清空" in shown, "/wipe" in shown) == (True, False, False)


def test_who_shares_a_terminal_is_named_with_what_is_kept_of_his(bureau: Bureau, supervisor: Console) -> None:
    """The one before may still be working on it; his operations that did not take effect are counted as his."""
    own = terminal(bureau, "officer1")
    own.push(own.create("case", amount_fen=-1), own.create("case", amount_fen=-2))
    bureau.officer("officer2")
    own.handheld.sign_in("officer2")
    shown = card(page(supervisor, HEALTH), own)
    assert "<dd>演示 officer2 ·" in shown
    assert "也在使用" in shown
    others = shown.split("也在使用")[1].split("</div>")[0]
    assert "演示 officer1" in others
    assert "未生效 2" in others
    assert "officer2" not in others
