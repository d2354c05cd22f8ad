"""The administrator's commands: what they print is what works."""

from __future__ import annotations

import orjson
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from field_api.commands.calendar import cli
from field_api.config import Config
from field_api.extensions import db
from sync.store.tables import RecordRow
from tests.integration.field import terminal
from tests.integration.people import Bureau, Handheld, problem
from tests.support.numbers import decide, give_back, leased, text

ADD = ["officer", "add", "--username", "zhang", "--name", "演示甲", "--role", "officer", "--unit", "u1"]


@pytest.fixture
def run(app: Flask, config: Config) -> object:
    """Run a command on the application's own installation."""

    def invoke(*arguments: str, **options: object) -> Result:
        return CliRunner().invoke(cli, list(arguments), obj=config, **options)  # type: ignore[arg-type]

    assert invoke("unit", "add", "u1", "演示一中队").exit_code == 0
    return invoke


def test_what_is_printed_opens_the_api_and_is_shut_again(app: Flask, run: object) -> None:
    """A printed code enrols, a printed password signs in, and disabling and revoking stop both."""
    added = run(*ADD, "--generate-password")
    assert added.exit_code == 0, added.output
    password = added.stdout.splitlines()[1].removeprefix("password ")
    handheld = Handheld(app.test_client())
    code = run("terminal", "invite").stdout.strip()
    assert handheld.enrol(code).status_code == 201
    assert handheld.ask_password("zhang", password).status_code == 200
    assert run("officer", "disable", "zhang").exit_code == 0
    assert problem(handheld.ask_password("zhang", password)) == (403, "officer_disabled")
    assert run("terminal", "revoke", handheld.terminal_no).exit_code == 0
    assert problem(handheld.ask_password("zhang", password)) == (403, "terminal_revoked")


def test_a_password_is_read_or_asked_for_and_never_shown(app: Flask, run: object) -> None:
    """A password from standard input or the prompt is taken as given and not printed."""
    read = run(*ADD, "--password-stdin", input="a good password\n")
    assert read.exit_code == 0
    assert "good" not in read.output
    asked = run(*[part.replace("zhang", "li") for part in ADD], input="another one 1\nanother one 1\n")
    assert asked.exit_code == 0
    assert "another" not in asked.output


def test_a_new_password_ends_what_the_old_one_opened(app: Flask, run: object) -> None:
    """After a change the old password and the tokens it gave open nothing; the new one does."""
    old = run(*ADD, "--generate-password").stdout.splitlines()[1].removeprefix("password ")
    handheld = Handheld(app.test_client())
    handheld.enrol(run("terminal", "invite").stdout.strip())
    handheld.keep(handheld.ask_password("zhang", old))
    new = run("officer", "password", "zhang", "--generate-password").stdout.strip().removeprefix("password ")
    assert problem(handheld.ask_refresh()) == (401, "token_revoked")
    assert problem(handheld.ask_password("zhang", old)) == (401, "credentials_wrong")
    assert handheld.ask_password("zhang", new).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*ADD, "--unit", "u9", "--generate-password"], "no unit u9"),
        ([*ADD, "--password-stdin"], "8 to 256"),
        (["officer", "disable", "nobody"], "not_found"),
        (["terminal", "revoke", "t99"], "not_found"),
    ],
)
def test_what_cannot_be_is_said_plainly(run: object, arguments: list[str], words: str) -> None:
    """A mistake ends with a code and a sentence, not with a stack."""
    result = run(*arguments, input="short\n")
    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_name_is_taken_once(run: object) -> None:
    """The second officer of a name is refused."""
    assert run(*ADD, "--generate-password").exit_code == 0
    again = run(*ADD, "--generate-password")
    assert (again.exit_code, "taken" in again.output) == (1, True)


def test_an_officer_added_or_disabled_is_known_to_terminals_at_once(app: Flask, run: object) -> None:
    """His record is written with him, and no change of him is without it."""
    run(*ADD, "--generate-password")
    assert known(app) == [("演示甲", "active")]
    assert run(*ADD, "--generate-password").exit_code == 1
    run("officer", "disable", "zhang")
    assert known(app) == [("演示甲", "disabled")]


def known(app: Flask) -> list[tuple[str, str]]:
    """The officers that terminals are told of: name and status."""
    with app.app_context():
        query = sa.select(RecordRow.body).where(RecordRow.type == "officer")
        bodies = [orjson.loads(body) for body in db.session.scalars(query)]
        db.session.remove()
    return [(body["name"], body["status"]) for body in bodies]


def test_a_renewed_epoch_has_every_terminal_pull_afresh(bureau: Bureau, run: object) -> None:
    """After a restore the command lets no old cursor pass; from none the terminal gets everything again."""
    reader = terminal(bureau, "zhang")
    reader.done(reader.create("incident", occurred_at="2026-11-22T10:00:00+08:00"))
    before, held = run("db", "epoch").stdout, len(reader.pull())
    renewed = run("db", "epoch", "--renew", "--yes").stdout
    assert renewed != before
    assert run("db", "epoch").stdout == renewed
    assert problem(reader.ask()) == (410, "cursor_expired")
    reader.cursor = None
    assert len(reader.pull()) == held
    hello = reader.handheld.client.get("/api/v1/sync/hello", headers=reader.handheld.bearer)
    assert hello.json["epoch"] == renewed.strip()


def test_an_epoch_is_renewed_only_when_it_is_meant(run: object) -> None:
    """Without a yes the epoch stays, and so it does without --renew."""
    before = run("db", "epoch").stdout
    refused = run("db", "epoch", "--renew", input="n\n")
    assert refused.exit_code == 1
    assert run("db", "epoch").stdout == before
    agreed = run("db", "epoch", "--renew", input="y\n")
    assert agreed.exit_code == 0
    assert agreed.stdout.splitlines()[-1] == run("db", "epoch").stdout.strip() != before.strip()


def test_a_database_without_an_epoch_says_what_to_run(bare_config: Config) -> None:
    """Before the first upgrade there is nothing to renew, and the sentence names the command."""
    result = CliRunner().invoke(cli, ["db", "epoch", "--renew", "--yes"], obj=bare_config)
    assert result.exit_code == 1
    assert "db upgrade" in result.output
    assert "Traceback" not in result.output


def test_an_officer_is_assigned_elsewhere(bureau: Bureau, run: object) -> None:
    """His next pull is of the new unit and grid, and not of the old; a unit that is not there is refused."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    own.done(case)
    own.pull()
    assert run("unit", "add", "u2", "演示二中队").exit_code == 0
    assert run("officer", "assign", "zhang", "--unit", "u9").exit_code == 1
    assert run("officer", "assign", "zhang", "--unit", "u2", "--grid", "510104001001001").exit_code == 0
    own.pull()
    assert case["record"] not in own.held
    elsewhere = own.create("case")
    own.done(elsewhere)
    own.pull()
    assert own.body(elsewhere["record"])["unit"] == "u2"


def test_every_document_number_is_accounted_for(bureau: Bureau, run: object) -> None:
    """Block by block to the last number, wrong ones named; a block that nobody accounts for is closed with a reason."""
    own = terminal(bureau, "zhang")
    first, lost = leased(own, 4), leased(own, 2)
    case, _ = decide(own, text(first, 1))
    decide(own, text(first, 1), case=case)
    give_back(own, first["block"], [1, 2], n3="写坏")
    told = run("numbers").output.splitlines()
    assert told[0] == f"{first['prefix']}0006号 为最后一号 · the last number is 6"
    assert told[1] == f"  1–4 t1 {first['block']} 已关闭 closed"
    assert told[2:5] == ["    已用 used 2: 1–2", "    作废 voided 1: 3", "    交回未用 free 1: 4"]
    assert told[5:7] == ["    3 作废 voided: 写坏", f"    1 R10 reused: case {case}"]
    assert told[7:] == [f"  5–6 t1 {lost['block']} 使用中 open", "    在终端 open 2: 5–6"]
    assert run("numbers", "--close", lost["block"]).exit_code == 2
    closed = run("numbers", "--close", lost["block"], "--reason", "终端损毁").output.splitlines()
    assert closed[7:] == [f"  5–6 t1 {lost['block']} 已关闭 closed（终端损毁）", "    未交代 missing 2: 5–6"]
    assert run("numbers", "--close", own.store, "--reason", "x").exit_code == 1


def test_a_day_that_is_set_is_shown(run: object) -> None:
    """What is set appears in its year with its source; a year that nobody published is called so."""
    shown = run("calendar", "show", "2026")
    assert shown.exit_code == 0, shown.output
    assert "2026: published" in shown.output
    assert "2026-05-09  work" in shown.output
    assert "2026-05-04  rest" in shown.output
    assert run("calendar", "set", "2026-05-08", "rest", "--source", "演示通知").exit_code == 0
    assert "2026-05-08  rest  演示通知" in run("calendar", "show", "2026").output
    assert run("calendar", "set", "2026-05-08", "work", "--source", "演示通知二").exit_code == 0
    assert "2026-05-08  work  演示通知二" in run("calendar", "show", "2026").output
    assert "2150: not published" in run("calendar", "show", "2150").output


@pytest.mark.parametrize(
    "wrong", [("2026-02-30", "rest", "演示"), ("1900-01-01", "rest", "演示"), ("2026-05-08", "half", "演示"),
              ("2026-05-08", "rest", " "), ("2026-05-08", "rest", "长" * 201)]
)
def test_a_day_that_is_none_is_refused(run: object, wrong: tuple[str, str, str]) -> None:
    """No such day, ages ago, no such kind, no source."""
    day, kind, source = wrong
    assert run("calendar", "set", day, kind, "--source", source).exit_code == 2
