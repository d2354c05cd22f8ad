"""The order to empty a terminal: it rides in every answer until the terminal has obeyed and said so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from field_api.auth import terminals, wipes
from field_api.auth.tables import Terminal as TerminalRow
from field_api.auth.tables import WipeOrder
from field_api.cli import cli
from field_api.config import Config
from reference.terminal import Verdict
from sync.store.tables import OperationRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, now
from tests.support.handset import Handset

CASE = {"category": "0406", "description": "演示数据：占道经营"}


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def handset(bureau: Bureau, tmp_path: Path) -> Iterator[Handset]:
    bureau.officer("officer2")
    made = Handset(bureau, tmp_path / "handset")
    made.sign_in("officer2")
    yield made
    made.terminal.close()


def order(bureau: Bureau, terminal_id: str, *, after_push: bool = True) -> str:
    return bureau.change(lambda session: wipes.order(session, terminal_id, "admin", now(), after_push=after_push).id)


def orders(bureau: Bureau) -> list[Any]:
    query = sa.select(*WipeOrder.__table__.columns).order_by(WipeOrder.id)
    return list(bureau.change(lambda session: session.execute(query).all()))


def hello(own: Terminal) -> Any:
    return own.handheld.client.get("/api/v1/sync/hello", headers=own.handheld.bearer)


def test_the_order_rides_in_every_answer_and_no_others(bureau: Bureau, own: Terminal) -> None:
    """Hello, push, pull by object and by lines, and a problem tell it; another terminal hears nothing of it."""
    other = terminal(bureau, "officer2")
    assert hello(own).json["control"] == {}
    wipe = {"wipe": {"id": order(bureau, own.handheld.id), "after_push": True}}
    assert hello(own).json["control"] == wipe
    assert own.push(own.create("incident", occurred_at="2026-11-22T10:00:00+08:00"))["control"] == wipe
    assert own.page()["control"] == wipe
    lines = own.handheld.client.post("/api/v1/sync/pull", json={"cursor": None},
                                     headers={**own.handheld.bearer, "Accept": "application/x-ndjson"})
    assert lines.text.splitlines()[-1].endswith(
        f'"control":{{"wipe":{{"id":"{wipe["wipe"]["id"]}","after_push":true}}}}}}'
    )
    refused = own.ask(limit=-1)
    assert (refused.status_code, refused.json["control"]) == (422, wipe)
    assert other.page()["control"] == {}
    assert "control" not in other.ask(limit=-1).json


def test_no_answer_is_dearer_for_it(bureau: Bureau, own: Terminal) -> None:
    """The order is read with who asks: an idle pull without one stays below 250 bytes and says it is empty."""
    own.pull()
    answer = own.ask()
    assert answer.json["control"] == {}
    assert len(answer.data) < 250


def test_a_confirmed_order_is_told_no_more(bureau: Bureau, own: Terminal) -> None:
    """The push that confirms is answered without it; a repetition, or another's id, changes nothing."""
    other = terminal(bureau, "officer2")
    wipe = order(bureau, own.handheld.id)
    other.push(control_done=[wipe])
    assert orders(bureau)[0].confirmed_at is None
    assert own.push(control_done=[new_id(), wipe])["control"] == {}
    confirmed_at = orders(bureau)[0].confirmed_at
    assert confirmed_at is not None
    own.push(control_done=[wipe])
    assert orders(bureau)[0].confirmed_at == confirmed_at
    assert hello(own).json["control"] == {}


def test_an_open_order_is_one_and_has_the_latest_word(bureau: Bureau, own: Terminal) -> None:
    """Ordering again changes when, not what; after a confirmation a new order is another."""
    first = order(bureau, own.handheld.id)
    assert order(bureau, own.handheld.id, after_push=False) == first
    assert hello(own).json["control"]["wipe"]["after_push"] is False
    own.push(control_done=[first])
    assert order(bureau, own.handheld.id) != first
    assert [one.after_push for one in orders(bureau)] == [False, True]


def test_a_revoked_terminal_is_told_too(bureau: Bureau, own: Terminal) -> None:
    """In each refusal, also of a sign-in that its key proves; and its push is heard."""
    wipe = order(bureau, own.handheld.id)
    bureau.change(lambda session: terminals.revoke(session, own.handheld.id, now()))
    for refused in (hello(own), own.ask(), own.handheld.ask_refresh(), own.handheld.ask_password("officer1")):
        assert (refused.json["code"], refused.json["control"]["wipe"]["id"]) == ("terminal_revoked", wipe)
    [result] = own.send(own.create("case"), control_done=[wipe])
    assert result["problem"]["code"] == "terminal_revoked"
    assert orders(bureau)[0].confirmed_at is not None
    assert "control" not in hello(own).json


def test_administrators_order_it_by_api_and_nobody_else(bureau: Bureau, own: Terminal) -> None:
    """The answer is the standing order; an unknown terminal is not found, and its body may leave out when."""
    path = f"/terminals/{own.handheld.id}/wipe"
    assert bureau.console("shenhe", "supervisor").post(path, {}).status_code == 403
    admin = bureau.console("zhou")
    assert admin.post(f"/terminals/{new_id()}/wipe", {}).status_code == 404
    assert admin.post(path, {"after_push": "no"}).status_code == 422
    told = admin.post(path, {}).json
    assert (told["after_push"], told["ordered_by"]) == (True, "zhou")
    assert admin.post(path, {"after_push": False}).json == told | {"after_push": False}


def test_the_command_orders_it_by_the_terminals_number(bureau: Bureau, own: Terminal, config: Config) -> None:
    """`terminal wipe t1` waits for what is unsent, `--now` does not; an unknown number is an error."""
    for words, after_push in (((), True), (("--now",), False)):
        done = CliRunner().invoke(cli, ["terminal", "wipe", own.handheld.terminal_no, *words], obj=config)
        assert done.exit_code == 0, done.output
        assert hello(own).json["control"]["wipe"] == {"id": done.output.split()[1], "after_push": after_push}
    assert CliRunner().invoke(cli, ["terminal", "wipe", "t99"], obj=config).exit_code == 1


def test_a_push_tells_the_programs_version(bureau: Bureau, own: Terminal) -> None:
    """What was told at enrolment is brought up to date by the next push."""
    own.push(app="2.4.1")
    query = sa.select(TerminalRow.app_version).where(TerminalRow.id == own.handheld.id)
    assert bureau.change(lambda session: session.scalar(query)) == "2.4.1"


# The reference terminal obeys.


def test_the_reference_terminal_brings_its_work_and_is_empty(bureau: Bureau, handset: Handset) -> None:
    """After push: everything unsent arrives first; then nothing is left, nobody is signed in, and it is confirmed."""
    case = handset.terminal.create("case", CASE)
    order(bureau, handset.id)
    handset.terminal.sync()
    assert orders(bureau)[0].confirmed_at is not None
    query = sa.select(OperationRow.outcome).where(OperationRow.record == case)
    assert bureau.change(lambda session: session.scalar(query)) == "applied"
    assert (handset.terminal.records("case"), handset.terminal.queue(everybody=True)) == ([], [])
    assert handset.terminal.sync().verdict is Verdict.LOGIN
    assert handset.terminal.records("case") == []


def test_the_reference_terminal_confirms_until_it_is_heard(bureau: Bureau, handset: Handset) -> None:
    """Whether the confirmation is lost or its answer, the terminal says it again and wipes no second time."""
    order(bureau, handset.id, after_push=False)
    handset.terminal.create("case", CASE)
    # The first push brings the case; the second is the confirmation.
    handset.line.plan("/sync/push", "503")
    handset.line.plan("/sync/push", "lost_request")
    handset.terminal.sync()
    assert orders(bureau)[0].confirmed_at is None
    assert handset.terminal.queue(everybody=True) == []
    handset.line.plan("/sync/push", "lost_answer")
    handset.terminal.close()
    handset.open().sync()
    confirmed_at = orders(bureau)[0].confirmed_at
    assert confirmed_at is not None
    assert handset.terminal.sync().verdict is Verdict.OK
    assert orders(bureau)[0].confirmed_at == confirmed_at
    assert (handset.terminal.store.get("control_done"), handset.terminal.store.get("officer")) == (None, None)
    assert len(handset.terminal.store.get("wiped")) == 1


def test_a_revoked_reference_terminal_hands_in_its_work_and_is_empty(bureau: Bureau, handset: Handset) -> None:
    """Its operations are kept whole on the server, quarantined, before they are deleted on it."""
    handset.terminal.sync()
    case = handset.terminal.create("case", CASE)
    bureau.change(lambda session: terminals.revoke(session, handset.id, now()))
    assert handset.terminal.sync().verdict is Verdict.STOP
    assert [one.record for one in handset.terminal.queue()] == [case]
    order(bureau, handset.id)
    assert handset.terminal.sync().verdict is Verdict.STOP
    assert orders(bureau)[0].confirmed_at is not None
    query = sa.select(OperationRow.outcome).where(OperationRow.record == case)
    assert bureau.change(lambda session: session.scalar(query)) == "quarantined"
    assert handset.terminal.queue(everybody=True) == []
