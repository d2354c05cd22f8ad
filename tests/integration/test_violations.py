"""The violation catalogue in an installation: pulled by terminals, asked by API, read and imported at the console."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.test import TestResponse

from field_api.casework.catalogue_import.columns import written
from field_api.casework.law.catalogue import Item, Penalty, values_of
from field_api.casework.reference import publish_violations
from field_api.casework.reference_models import Violation
from field_api.casework.violations import demonstration, national, versions
from field_api.commands.violations import cli
from field_api.config import Config
from sync.store.tables import RecordRow
from tests.integration.field import terminal
from tests.integration.people import Bureau, Console, now, problem

LOCAL = replace(demonstration()[0], code="YS-0406", zh="演示占道经营", demo=False, valid_from=date(2026, 1, 1))
QUESTION = {"code": "DQ-116-1", "party_kind": "org", "date": "2026-11-22"}


@pytest.fixture
def legal(bureau: Bureau) -> Console:
    return bureau.console("fazhi", "legal")


def send(console: Console, raw: bytes, mode: str = "all", name: str = "t.csv", language: str = "zh-CN") -> TestResponse:
    """Bring a table in at the console, as a browser does."""
    form = {"mode": mode, "file": (io.BytesIO(raw), name)}
    headers = {**console.csrf, "Accept-Language": language}
    answer = console.client.post("/console/violations/import", data=form, headers=headers)
    # The client keeps a large body in a file of its own.
    answer.request.environ["wsgi.input"].close()
    return answer


def held(bureau: Bureau, code: str) -> list[Item]:
    return list(bureau.change(lambda session: versions(session, code)))


def ask(console: Console, language: str = "zh-CN", **changed: Any) -> dict[str, Any]:
    headers = {**console.csrf, "Accept-Language": language}
    answer = console.post("/law/penalty", QUESTION | changed, headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json
    return body


# Terminals.


def test_the_national_catalogue_reaches_a_terminal_by_pull(bureau: Bureau) -> None:
    """Every shipped item, whole, in the reference lane; the demonstration's are not among them."""
    own = terminal(bureau, "zhang")
    own.pull()
    bodies = [own.body(record) for record, kind in kinds(bureau).items() if kind == "violation"]
    assert {one["code"] for one in bodies} == {one.code for one in national()}
    [spill] = [one for one in bodies if one["code"] == "DJ-090-1"]
    [shipped] = [values_of(one) for one in national() if one.code == "DJ-090-1"]
    assert {name: spill.get(name) for name in shipped} == shipped


def kinds(bureau: Bureau) -> Mapping[str, str]:
    """Every record's type."""
    rows = bureau.change(lambda session: session.execute(sa.select(RecordRow.id, RecordRow.type)).all())
    return {row.id: row.type for row in rows}


def test_no_terminal_may_write_the_catalogue(bureau: Bureau) -> None:
    """A push of a violation, or of another amount, is quarantined: nobody pushes law."""
    own = terminal(bureau, "zhang")
    own.pull()
    [made] = own.send(own.create("violation", code="YS-1", zh="x", en="x", valid_from="2026-01-01"))
    assert (made["outcome"], made["problem"]["code"]) == ("quarantined", "not_permitted")
    record = next(record for record, kind in kinds(bureau).items() if kind == "violation")
    [patched] = own.send(own.patch("violation", record, 1, penalties=[]))
    assert patched["outcome"] != "applied"
    assert own.body(record)["penalties"] != []


def test_an_imported_item_reaches_terminals_with_their_next_pull(bureau: Bureau, legal: Console) -> None:
    """New item and new version, each a record of its own, with steps and amounts in fen."""
    own = terminal(bureau, "zhang")
    own.pull()
    assert send(legal, written([LOCAL], "zh")).status_code == 200
    later = replace(LOCAL, valid_from=date(2026, 7, 1), penalties={"citizen": Penalty(("warn",))}, steps=())
    assert send(legal, written([later], "zh")).status_code == 200
    own.pull()
    bodies = [own.body(record) for record, kind in kinds(bureau).items() if kind == "violation"]
    found = {one["valid_from"]: one for one in bodies if one["code"] == "YS-0406"}
    assert found.keys() == {"2026-01-01", "2026-07-01"}
    assert found["2026-01-01"]["penalties"][0] == {
        "party": "citizen", "kinds": ["warn", "fine"], "min_fen": 2000, "max_fen": 20000,
    }  # fmt: skip
    assert len(found["2026-01-01"]["steps"]) == 9


# The interface.


def test_the_calculator_answers_with_words_in_the_callers_language(legal: Console) -> None:
    """Range, blocked amount, possible procedure: in Chinese, and in English where that is asked for."""
    told = ask(legal, factors=["remedied"], amount_fen=1_999_99, subject="city_bureau")
    assert (told["min_fen"], told["max_fen"], told["suggested_fen"]) == (2_000_00, 20_000_00, 2_000_00)
    assert (told["version_by"], told["valid_from"], told["outcome"]) == ("act", "2016-01-01", "penalty")
    assert {one["code"]: one["action"] for one in told["problems"]} == {"below_minimum_mitigated": "flag"}
    assert any("主动消除" in line for line in told["explanation"])
    english = ask(legal, "en", amount_fen=20_000_01)
    assert english["blocked"] is True
    assert english["problems"][0]["message"] == "20000.01 yuan is above the law's 20000"
    assert english["summary"] == {"possible": True, "limit_fen": 3_000_00, "rule": None,
                                  "message": "on the spot up to 3000 yuan"}  # fmt: skip
    citizen = ask(legal, party_kind="citizen")
    assert (citizen["summary"]["possible"], citizen["summary"]["rule"]) == (False, "R05")
    assert ask(legal, code="SR-034-6")["outcome"] == "not_configured"


def test_a_terminal_may_ask_and_the_day_of_the_act_decides(bureau: Bureau) -> None:
    """By its token; before the law was in force there is nothing to charge."""
    handheld = bureau.signed_in("zhang")
    answer = handheld.post("/law/penalty", QUESTION, headers=handheld.bearer)
    assert answer.status_code == 200, answer.text
    early = handheld.post("/law/penalty", QUESTION | {"date": "2015-12-31"}, headers=handheld.bearer)
    assert problem(early) == (404, "not_found")
    assert problem(handheld.post("/law/penalty", QUESTION | {"code": "NONE-1"}, headers=handheld.bearer))[0] == 404
    assert problem(handheld.post("/law/penalty", QUESTION)) == (401, "token_missing")


@pytest.mark.parametrize(
    "changed",
    [
        {"party_kind": "dog"},
        {"date": "2026-02-30"},
        {"date": "yesterday"},
        {"factors": ["x"] * 21},
        {"factors": ["X; DROP"]},
        {"amount_fen": 0},
        {"amount_fen": 1.5},
        {"amount_fen": 2**60},
        {"subject": "other"},
        {"code": "'; --"},
        {"colour": "red"},
    ],
)
def test_a_question_that_is_none_is_refused(legal: Console, changed: dict[str, Any]) -> None:
    """Each with a pointer at what is wrong with it."""
    answer = legal.post("/law/penalty", QUESTION | changed)
    assert problem(answer) == (422, "envelope_invalid")
    assert answer.json["errors"][0]["pointer"].startswith(f"/{next(iter(changed))}")


def test_a_refusal_is_told_in_the_language_asked_for(legal: Console) -> None:
    """One language in a message, not both."""
    for language, words in (("en", "there is no such day"), ("zh-CN", "没有这一天")):
        headers = {**legal.csrf, "Accept-Language": language}
        answer = legal.post("/law/penalty", QUESTION | {"date": "2026-02-30"}, headers=headers)
        assert answer.json["errors"] == [{"pointer": "/date", "code": "invalid", "message": words}]


def test_a_later_lighter_version_is_used_where_the_day_of_deciding_is_given(bureau: Bureau, legal: Console) -> None:
    """Art. 37, through the door: the act in spring, the lighter law in summer, the decision in autumn."""
    lighter = replace(LOCAL, valid_from=date(2026, 7, 1), steps=(),
                      penalties={"citizen": Penalty(("warn", "fine"), 10_00, 100_00)})  # fmt: skip
    send(legal, written([LOCAL, lighter], "zh"))
    question = {"code": "YS-0406", "party_kind": "citizen", "date": "2026-04-01"}
    assert ask(legal, **question)["max_fen"] == 200_00
    told = ask(legal, **question, decided="2026-09-01")
    assert (told["version_by"], told["max_fen"]) == ("lighter_later", 100_00)


# The console.


def page(console: Console, path: str, language: str = "zh-CN") -> str:
    answer = console.client.get(path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), answer.text
    return str(answer.text)


def test_an_item_is_found_by_name_code_article_and_category(bureau: Bureau) -> None:
    """And by several words at once, in both languages; what matches nothing says so."""
    console = bureau.console("shenhe", "supervisor")
    every = page(console, "/console/violations")
    assert all(one.zh in every for one in national())
    for words in ("遗洒", "dj-090", "第九十条", "0114 遗洒", "spills"):
        assert "机动车载物遗洒" in page(console, f"/console/violations?q={words}"), words
    assert "没有符合的案由" in page(console, "/console/violations?q=没有这种")
    assert "not configured" in page(console, "/console/violations?q=SR-034", "en")
    assert "/console/violations/import" not in every


def test_an_items_page_explains_a_figure(bureau: Bureau) -> None:
    """Articles, amounts, source; and the calculator's answer with its problems, in both languages."""
    console = bureau.console("shenhe", "supervisor")
    address = "/console/violations/item/DQ-116-1"
    shown = page(console, address)
    assert all(words in shown for words in ("大气污染防治法第七十条", "2000–20000 元", "道路遗撒", "裁量基准未配置"))
    asked = f"{address}?party=citizen&date=2026-11-22&amount=100&factor=aged_14_17"
    assert "减轻处罚" in page(console, asked)
    assert "R05" in page(console, asked)
    assert "the head must approve" in page(console, asked, "en")
    assert "金额不对" in page(console, f"{address}?party=org&date=2026-11-22&amount=1e9")
    assert "日期不对" in page(console, f"{address}?party=org&date=20261122")
    assert "当日没有施行的版本" in page(console, f"{address}?party=org&date=2001-01-01")
    assert "没有这种情节" in page(console, f"{address}?party=org&date=2026-11-22&factor=%3Cscript%3E")
    assert "<script>" not in page(console, f"{address}?party=org&date=2026-11-22&factor=%3Cscript%3E")
    assert console.client.get("/console/violations/item/NONE-1").status_code == 404


def test_a_table_is_checked_then_taken_in_then_known(bureau: Bureau, legal: Console) -> None:
    """Checking writes nothing; the import does; the same again changes nothing; steps stand on the item's page."""
    raw = written([LOCAL], "zh")
    assert "只检查，未导入" in send(legal, raw, "check").text
    assert held(bureau, "YS-0406") == []
    assert "导入 1 项" in send(legal, raw).text
    assert held(bureau, "YS-0406") == [LOCAL]
    again = send(legal, raw, language="en").text
    assert "there already" in again
    assert "0 imported" in again
    assert "演示免罚清单" in page(legal, "/console/violations/item/YS-0406")
    ended = send(legal, written([replace(LOCAL, valid_to=date(2026, 6, 30))], "en"))
    assert "设失效日期" in ended.text
    assert held(bureau, "YS-0406") == [replace(LOCAL, valid_to=date(2026, 6, 30))]


def test_a_table_with_a_fault_is_taken_in_only_without_it_and_only_if_asked(bureau: Bureau, legal: Console) -> None:
    """All or nothing; or the good ones, by name."""
    bad = replace(LOCAL, code="YS-2", subject="other")
    raw = written([LOCAL, bad], "zh")
    answer = send(legal, raw)
    assert "执法主体为其他部门时须写明部门" in answer.text
    assert "导入 0 项" in answer.text
    assert held(bureau, "YS-0406") == []
    assert "1 right, 1 wrong; 1 imported" in send(legal, raw, "good", language="en").text
    assert held(bureau, "YS-0406") == [LOCAL]
    assert held(bureau, "YS-2") == []


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04nonsense", b"\x00" * 100, b"a" * (2 * 1024 * 1024 + 1)])
def test_a_file_that_is_no_table_is_told_so_on_the_page(legal: Console, raw: bytes) -> None:
    """Whatever is sent, the answer is a page with a reason."""
    answer = send(legal, raw, name="t.xlsx")
    assert answer.status_code == 200
    assert "第" in answer.text or "文件：" in answer.text
    assert "0 项正确" in answer.text


def test_only_the_legal_reviewer_and_the_administrator_import(bureau: Bureau) -> None:
    """A supervisor reads; without the page's token nobody writes."""
    supervisor, admin = bureau.console("shenhe", "supervisor"), bureau.console("guanli", "admin")
    raw = written([LOCAL], "zh")
    assert send(supervisor, raw).status_code == 403
    assert supervisor.client.get("/console/violations/import").status_code == 403
    forged = admin.client.post("/console/violations/import", data={"mode": "all", "file": (io.BytesIO(raw), "t.csv")})
    assert forged.status_code == 403
    assert held(bureau, "YS-0406") == []
    assert send(admin, raw).status_code == 200
    assert held(bureau, "YS-0406") == [LOCAL]


def test_what_is_downloaded_can_be_brought_in(bureau: Bureau, legal: Console) -> None:
    """The template as it is, and the whole catalogue, in which nothing is new."""
    template = legal.client.get("/console/violations/template.csv")
    assert (template.mimetype, template.status_code) == ("text/csv", 200)
    assert "attachment" in template.headers["Content-Disposition"]
    assert "1 项正确，0 项有误" in send(legal, template.data, "check").text
    whole = legal.client.get("/console/violations/catalogue.csv", headers={"Accept-Language": "en"}).data
    answer = send(legal, whole, "all").text
    assert f"{len(national())} 项正确，0 项有误；导入 0 项" in answer


# Commands.


@pytest.fixture
def run(app: Flask, config: Config) -> Any:
    """Run a command on the application's own installation."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["violations", *arguments], obj=config)

    return invoke


def test_the_commands_import_export_and_publish(bureau: Bureau, run: Any, tmp_path: Path) -> None:
    """Dry run, import, again, only good; exit codes; demonstration items only by their option, and only once."""
    good, mixed = tmp_path / "good.csv", tmp_path / "mixed.csv"
    good.write_bytes(written([LOCAL], "zh"))
    mixed.write_bytes(written([replace(LOCAL, code="YS-3"), replace(LOCAL, code="YS-4", subject="other")], "en"))
    dry = run("import", str(good), "--dry-run", "--lang", "en")
    assert (dry.exit_code, dry.stdout.splitlines()[-1]) == (0, "1 right, 0 wrong; only checked")
    assert held(bureau, "YS-0406") == []
    assert run("import", str(good)).exit_code == 0
    assert held(bureau, "YS-0406") == [LOCAL]
    refused = run("import", str(mixed), "--lang", "zh")
    assert (refused.exit_code, held(bureau, "YS-3")) == (1, [])
    assert "第 11 行，其他部门名称：执法主体为其他部门时须写明部门" in refused.stdout.splitlines()
    assert run("import", str(mixed), "--only-good").exit_code == 1
    assert [one.code for one in held(bureau, "YS-3")] == ["YS-3"]
    assert run("publish").stdout == "0 new\n"
    assert run("publish", "--demo").stdout == f"{len(demonstration())} new\n"
    assert run("publish", "--demo").stdout == "0 new\n"
    out = tmp_path / "out.csv"
    assert run("export", "--output", str(out)).exit_code == 0
    assert "YS-0406" in out.read_text("utf-8-sig")
    assert "EXAMPLE-1" in run("export", "--template").stdout


def test_publishing_again_overwrites_nothing(bureau: Bureau) -> None:
    """What the bureau set stands: a shipped version of the same day does not touch it."""
    record = bureau.change(lambda session: session.scalar(sa.select(Violation.id).where(Violation.code == "SR-034-6")))
    other = [replace(one, zh="改过") for one in national()]
    assert bureau.change(lambda session: publish_violations(session, bureau.home, other, now())) == 0
    body = bureau.change(lambda session: session.scalar(sa.select(RecordRow.body).where(RecordRow.id == record)))
    assert orjson.loads(body)["zh"] != "改过"
