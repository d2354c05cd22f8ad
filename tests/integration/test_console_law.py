"""The console's morning page and registers: what each shows, what its forms do, and who may not open it."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from field_api.casework.defects import Defect
from field_api.casework.ledger_tables import CashReceipt, LedgerTransaction
from field_api.casework.parties.models import Party, Unmasking
from sync.store.ids import new_id
from sync.store.tables import RecordRow
from tests.integration.field import Terminal, terminal
from tests.integration.lawful import at, decided, payment
from tests.integration.people import Bureau, Console, now
from tests.integration.test_parties import registered
from tests.support.numbers import leased
from tests.unit.test_law_identifiers import id_card

NUMBER = id_card("51140219900307123")


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "zhang")


@pytest.fixture
def desk(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def page(console: Console, path: str, language: str = "zh-CN") -> str:
    answer = console.client.get(path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), answer.text
    return str(answer.text)


def send(console: Console, path: str, **form: Any) -> TestResponse:
    return console.client.post(path, data={"operation": new_id(), **form}, headers=console.csrf)


def fined(own: Terminal) -> str:
    """A fine of April, taken on the spot and handed in by nobody since; its procedure has faults."""
    case, operations = decided(own)
    own.done(*operations, payment(own, case, receipt_no="演示-0001"))
    return case


def scalars(bureau: Bureau, column: Any, *which: Any) -> list[Any]:
    return bureau.change(lambda session: list(session.scalars(sa.select(column).where(*which))))


def test_an_empty_morning_says_so_in_either_language(desk: Console) -> None:
    """Each part that has nothing says in words that it has nothing."""
    shown = page(desk, "/console/morning")
    for words in ("没有逾期的事项", "没有将到期的事项", "没有未响应的呼叫", "没有警报", "没有待缴银行的罚款"):
        assert words in shown, words
    assert "Nothing is overdue" in page(desk, "/console/morning", "en")


def test_the_morning_names_what_is_late_who_must_and_by_what_article(
    bureau: Bureau, own: Terminal, desk: Console
) -> None:
    """A fine of April that nobody handed in is red, with its case and its clock; calls and defects stand there too."""
    case = fined(own)
    own.done(own.create("call", kind="obstruction", called_at=at("09:50"), address="演示数据：路口"))
    shown = page(desk, "/console/morning")
    assert f'href="/console/cases/{case}"' in shown
    for words in ("当场收缴罚款上交", "红灯", "阻碍执法", "演示数据：路口"):
        assert words in shown, words
    for rule in scalars(bureau, Defect.rule, Defect.state == "open"):
        assert f'href="/console/defects?rule={rule}"' in shown
    whole = page(desk, "/console/morning?list=overdue")
    assert 'id="overdue"' in whole
    assert 'id="calls"' not in whole


def test_a_measure_that_is_about_to_lapse_is_named_once(own: Terminal, desk: Console) -> None:
    """A seizure with four fifths of its term used stands among what lapses, and not among the rest as well."""
    imposed = (now() - timedelta(days=26)).isoformat(timespec="milliseconds")
    own.done(own.create("measure", kind="seize", ground="S1", imposed_at=imposed, term_days=30))
    lapsing, near = (page(desk, f"/console/morning?list={name}") for name in ("lapsing", "near"))
    assert ("查封扣押期限" in lapsing, "查封扣押期限" in near) == (True, False)


def test_another_units_morning_is_its_own(bureau: Bureau, own: Terminal) -> None:
    """Neither the deadlines nor the defects of a unit are told to another's supervisor."""
    case = fined(own)
    stranger = bureau.console("jiaowai", "supervisor")
    bureau.change(lambda session: session.execute(sa.text("INSERT INTO unit (id, name) VALUES ('u2', '演示二中队')")))
    bureau.change(lambda session: session.execute(sa.text("UPDATE officer SET unit = 'u2' WHERE username = 'jiaowai'")))
    for path in ("/console/morning", "/console/defects?state=all", "/console/ledger"):
        shown = page(stranger, path)
        assert case not in shown, path
        assert "zhang" not in shown, path


@pytest.mark.parametrize(
    ("path", "forbidden", "allowed"),
    [
        ("defects", "dispatcher", "auditor"),
        ("vehicles?plate=川Z00000", "admin", "dispatcher"),
        ("parties", "dispatcher", "auditor"),
        ("ledger", "dispatcher", "legal"),
        ("numbers", "dispatcher", "auditor"),
        ("audits", "dispatcher", "auditor"),
        ("audits.csv", "dispatcher", "legal"),
    ],
)
def test_a_register_is_for_whom_it_is_for(bureau: Bureau, path: str, forbidden: str, allowed: str) -> None:
    """Who may not open one is told so, and no link of his leads there; a stranger is sent to sign in."""
    refused, reader = bureau.console("keren", forbidden), bureau.console("yuedu", allowed)
    name = re.split("[?.]", path)[0]
    assert refused.client.get(f"/console/{path}").status_code == 403
    assert f'href="/console/{name}"' not in page(refused, "/console/morning")
    assert reader.client.get(f"/console/{path}").status_code == 200
    assert f'href="/console/{name}"' in page(reader, "/console/morning")
    assert bureau.app.test_client().get(f"/console/{path}").status_code == 303


def test_a_defect_is_settled_once_with_a_reason_by_who_supervises(
    bureau: Bureau, own: Terminal, desk: Console
) -> None:
    """The page shows rule, article and words; without a reason nothing is settled; a second time changes nothing."""
    fined(own)
    [defect, *_rest] = scalars(bureau, Defect.id, Defect.state == "open")
    [rule] = scalars(bureau, Defect.rule, Defect.id == defect)
    [checks] = scalars(bureau, Defect.checks, Defect.id == defect)
    shown = page(desk, f"/console/defects?rule={rule}")
    assert checks[0]["words"]["zh"] in shown
    assert checks[0]["article"] in shown
    path = f"/console/defects/{defect}/settlement"
    assert send(desk, path, outcome="corrected", reason=" ").location == "/console/defects?problem=invalid_field"
    assert send(bureau.console("shenji", "auditor"), path, outcome="upheld", reason="演示").status_code == 403
    assert desk.client.post(path, data={"outcome": "upheld", "reason": "演示"}).status_code == 403
    assert scalars(bureau, Defect.state, Defect.id == defect) == ["open"]
    assert send(desk, path, outcome="corrected", reason="演示：已补正").location == "/console/defects?done=settled"
    assert scalars(bureau, Defect.outcome, Defect.id == defect) == ["corrected"]
    assert "演示：已补正" in page(desk, "/console/defects?state=settled")
    again = send(desk, path, outcome="revoked", reason="演示")
    assert again.location == "/console/defects?problem=changed_meanwhile"
    assert scalars(bureau, Defect.outcome, Defect.id == defect) == ["corrected"]


def test_cash_moves_by_the_ledgers_forms(bureau: Bureau, own: Terminal, desk: Console) -> None:
    """What an officer holds past its limit is red; taken in, banked and taken back, each by a form, counted first."""
    fined(own)
    [receipt] = scalars(bureau, CashReceipt.id)
    shown = page(desk, "/console/ledger")
    for words in ("逾期未上交", "¥100.00", "演示-0001", "红灯"):
        assert words in shown, words
    form = {"operation": new_id(), "officer": own.officer, "receipt": receipt}
    refused = send(desk, "/console/ledger/hand-ins", **form, amount="99.99")
    assert refused.status_code == 409 or "problem=amount_differs" in refused.location
    assert scalars(bureau, CashReceipt.hand_in) == [None]
    taken = send(desk, "/console/ledger/hand-ins", **form, amount="100", at="2026-05-06T10:00")
    assert taken.location == "/console/ledger?done=handed_in"
    [hand_in] = scalars(bureau, CashReceipt.hand_in)
    assert f'value="{hand_in}"' in page(desk, "/console/ledger")
    form = {"operation": new_id(), "hand_in": hand_in, "amount": "100.00", "slip_no": "演示"}
    banked = send(desk, "/console/ledger/bankings", **form)
    assert banked.location == "/console/ledger?done=banked"
    [banking] = scalars(bureau, CashReceipt.banking)
    back = send(desk, "/console/ledger/reversals", operation=new_id(), transaction=banking, reason="演示：填错")
    assert back.location == "/console/ledger?done=reversed"
    assert scalars(bureau, CashReceipt.banking) == [None]
    assert len(scalars(bureau, LedgerTransaction.id)) == 4
    assert "演示：填错" in page(desk, "/console/ledger")


@pytest.mark.parametrize(
    "changed",
    [{"amount": "-1"}, {"amount": "1e3"}, {"receipt": "nothing"}, {"at": "2026-13-01T10:00"}, {"officer": ""}],
)
def test_a_form_of_the_ledger_that_makes_no_sense_moves_nothing(
    bureau: Bureau, own: Terminal, desk: Console, changed: dict[str, str]
) -> None:
    """The reader is told on the ledger's page, and the cash stays where it is."""
    fined(own)
    [receipt] = scalars(bureau, CashReceipt.id)
    form = {"operation": new_id(), "officer": own.officer, "receipt": receipt, "amount": "100"} | changed
    assert send(desk, "/console/ledger/hand-ins", **form).location == "/console/ledger?problem=invalid_field"
    assert scalars(bureau, CashReceipt.hand_in) == [None]


def test_who_only_reads_the_ledger_moves_nothing(bureau: Bureau, own: Terminal) -> None:
    """An auditor finds no button, and a form that he makes himself is refused."""
    fined(own)
    auditor = bureau.console("shenji", "auditor")
    assert "收讫" not in page(auditor, "/console/ledger")
    [receipt] = scalars(bureau, CashReceipt.id)
    form = {"operation": new_id(), "officer": own.officer, "receipt": receipt, "amount": "100"}
    assert send(auditor, "/console/ledger/hand-ins", **form).status_code == 403


def test_a_plate_opens_the_file_of_its_vehicle(own: Terminal, desk: Console) -> None:
    """Checks and cases of a plate stand in its file; what is no plate is told, with the form still there."""
    incident = own.create("incident")
    case = own.create("case", incident=incident["record"], plates=["川Z00000"])
    own.done(incident, case)
    shown = page(desk, "/console/vehicles?plate=川z00000")
    assert f'href="/console/cases/{case["record"]}"' in shown
    assert "没有核准证" in shown
    missing = page(desk, "/console/vehicles?plate=<b>", "en")
    assert "This is no plate" in missing
    assert "<b>\"" not in missing


def test_a_party_is_found_masked_and_unmasked_with_a_reason(bureau: Bureau, own: Terminal, desk: Console) -> None:
    """Nothing shows a number whole but the answer to a stated reason, which is kept."""
    registered(own, {"kind": "citizen", "name": "演示当事人", "id_type": "id_card", "id_no": NUMBER})
    [party] = scalars(bureau, Party.id)
    found = send(desk, "/console/parties", id_no=NUMBER)
    assert f"/console/parties/{party}" in found.text
    assert NUMBER not in page(desk, f"/console/parties/{party}")
    path = f"/console/parties/{party}/unmasking"
    assert send(desk, path, reason="").location == f"/console/parties/{party}?problem=invalid_field"
    assert scalars(bureau, Unmasking.reason) == []
    clear = send(desk, path, reason="演示：核对身份")
    assert NUMBER in clear.text
    assert clear.headers["Cache-Control"] == "no-store"
    assert scalars(bureau, Unmasking.reason) == ["演示：核对身份"]
    assert "请至少填一项" in send(desk, "/console/parties").text


def test_parties_that_are_one_are_merged_by_who_supervises(bureau: Bureau, own: Terminal, desk: Console) -> None:
    """The list names who may be one; the rest become part of the one that was chosen."""
    for number in (NUMBER, id_card("51140219900307124")):
        party = {"kind": "citizen", "name": "演示当事人", "id_type": "id_card", "id_no": number, "phone": "13800000000"}
        registered(own, party)
    first, second = sorted(scalars(bureau, Party.id))
    assert second in page(desk, "/console/parties")
    auditor = bureau.console("shenji", "auditor")
    assert send(auditor, "/console/parties/merging", into=first, party=[first, second]).status_code == 403
    merged = send(desk, "/console/parties/merging", into=first, party=[first, second])
    assert merged.location == f"/console/parties/{first}?done=parties_merged"
    assert scalars(bureau, Party.merged_into, Party.id == second) == [first]


def test_a_block_of_numbers_is_accounted_for_and_closed(own: Terminal, desk: Console) -> None:
    """Its numbers are on the terminal until somebody says why nobody will account for them."""
    block = leased(own, 3)
    shown = page(desk, "/console/numbers")
    assert block["prefix"] in shown
    assert "在终端" in shown
    path = f"/console/numbers/{block['block']}/closing"
    assert send(desk, path, reason="").location == "/console/numbers?problem=invalid_field"
    assert send(desk, path, reason="演示：终端丢失").location == "/console/numbers?done=block_closed"
    shown = page(desk, "/console/numbers")
    assert "下落不明" in shown
    assert "演示：终端丢失" in shown


def test_a_months_audit_is_a_page_and_a_table(bureau: Bureau, own: Terminal, desk: Console) -> None:
    """Both name the month's files with what is wrong; the table opens in a spreadsheet as text."""
    fined(own)
    [number] = [one for (one,) in bureau.change(lambda session: session.execute(sa.text('SELECT case_no FROM "case"')))]
    month = f"{number[6:10]}-{number[10:12]}"
    assert number in page(desk, f"/console/audits?month={month}")
    answer = desk.client.get(f"/console/audits.csv?month={month}", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    header, *lines = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
    assert header == ["Case", "Unit", "Status", "Score", "Failed", "Found"]
    assert [line[0] for line in lines] == [number]
    assert "这个月没有案卷" in page(desk, "/console/audits?month=2021-01")


def test_a_case_is_told_in_the_order_in_which_it_is_judged(bureau: Bureau, own: Terminal, desk: Console) -> None:
    """What happened, was said, decided, served, paid and is wrong follow each other, with each paper's copies."""
    case = fined(own)
    [paper] = [one["id"] for one in _body(bureau, case)["documents"]]
    own.done(
        own.create("measure", case=case, kind="seize", ground="S1", imposed_at=at("09:45"), storage="演示仓库"),
        own.append("case", case, "statements", kind="notice", facts="演示：占道", rights=True),
        own.append("case", case, "signatures", signer="party", method="refused", note="演示：拒签注明", document=paper),
    )
    shown = page(desk, f"/console/cases/{case}")
    order = ["facts", "photos", "timeline", "told", "decided", "documents", "paid", "wrong"]
    places = [shown.index(f'<h2 id="{name}"') for name in order]
    assert places == sorted(places)
    for copy in ("party", "stub", "thermal"):
        assert f"/api/v1/cases/{case}/documents/{paper}?copy={copy}" in shown
    said = ("演示：占道", "已告知权利", "拒签", "演示：拒签注明", "当场交付", "票据 演示-0001", "演示仓库", "红灯")
    for words in (*said, f"cases/{case}/trail"):
        assert words in shown, words
    [checks] = scalars(bureau, Defect.checks, Defect.state == "open", Defect.record == case)[:1]
    assert checks[0]["words"]["zh"] in shown
    assert checks[0]["article"] in shown
    trail = page(desk, f"/console/cases/{case}/trail", "en")
    assert "Who did what" in trail
    assert own.handheld.terminal_no in trail


def test_a_dispatcher_reads_the_story_without_the_audit(bureau: Bureau, own: Terminal) -> None:
    """What he may not open is neither shown nor linked, and refused where he asks for it."""
    case = fined(own)
    dispatcher = bureau.console("diaodu", "dispatcher")
    shown = page(dispatcher, f"/console/cases/{case}")
    assert "当场行政处罚决定书" in shown
    assert "案卷评查" not in shown
    assert 'href="/console/defects' not in shown
    assert dispatcher.client.get(f"/console/cases/{case}/trail").status_code == 403


def _body(bureau: Bureau, case: str) -> dict[str, Any]:
    [text] = scalars(bureau, RecordRow.body, RecordRow.id == case)
    body: dict[str, Any] = orjson.loads(text)
    return body
