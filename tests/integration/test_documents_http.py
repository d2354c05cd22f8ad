"""Papers over the wire: who may have them, that they never change, and what the public page says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from field_api.auth.tables import Officer, Unit
from field_api.casework import founding, reference
from field_api.casework.documents import shelf, templates
from field_api.casework.documents.authority import AuthoritiesUnfit, Authority, of_unit
from field_api.casework.documents.tables import DocumentView, RenderedCopy, RenderedDocument
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from sync.store.ids import new_id
from tests.integration.batches import operation, push, results
from tests.integration.people import Bureau, Handheld, now, problem, running
from tests.support import paper_samples as samples
from tests.unit.test_documents import words

AUTHORITIES = """
[city]
name = "演示市城市管理行政执法局"
review = "演示市人民政府"
court = "演示区人民法院"
[police]
kind = "police"
name = "演示市公安局交通警察支队"
"""
PERSONAL = ("演示当事人", "11010519491231002X", "13800000000", "演示街道", "堆放水果", "100.00", "壹佰", "执法员")


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """A founded application whose authorities and public address are configured."""
    config.data.mkdir(parents=True, exist_ok=True)
    config.authorities.write_text(AUTHORITIES, encoding="utf-8")
    with running(replace(config, public_url="https://shenyan.example")) as flask_app:
        with flask_app.app_context():
            session = db.session()
            write(session, lambda: founding.found(session, services().home, now()))
            db.session.remove()
        yield flask_app


class Street:
    """A terminal, two officers whom everybody knows by name, and a case with papers."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        self.handheld = bureau.signed_in("demo01")
        self.officers = [self._known(bureau.officer(name), name) for name in ("demo02", "demo03")]
        self.store = new_id()
        self.case = new_id()
        values = {**samples.case(), "category": "0406", "officers": self.officers}
        del values["case_no"]
        self.send(operation("create", "case", self.case, at="2026-11-22T15:00:00.000+08:00", set=values))

    def _known(self, officer: str, name: str) -> str:
        def publish(session: Any) -> None:
            found = session.get(Officer, officer)
            found.name, found.badge_no = f"演示执法员{name}", f"YS-{name}"
            reference.publish_officer(session, services().home, found)

        self.bureau.change(publish)
        return officer

    def send(self, *operations: dict[str, Any]) -> None:
        outcomes = results(push(self.handheld, list(operations)))
        assert {one["outcome"] for one in outcomes} == {"applied"}, outcomes

    def add(self, kind: str, **parts: Any) -> str:
        """Append a sample paper; returns its element's id."""
        item = {**samples.element(kind), "id": new_id(), **parts}
        item["content"] = {"amount_capitals": "壹佰元整", **item["content"]}
        self.send(operation("append", "case", self.case, list="documents", item=item))
        return str(item["id"])

    def get(self, element: str, copy: str = "party", who: Handheld | None = None, **headers: str) -> TestResponse:
        who = who or self.handheld
        path = f"/api/v1/cases/{self.case}/documents/{element}?copy={copy}"
        return who.client.get(path, headers={**who.bearer, **headers})

    def token(self, element: str) -> str:
        query = sa.select(RenderedDocument.token).where(RenderedDocument.element == element)
        return str(self.bureau.change(lambda session: session.scalar(query)))


@pytest.fixture
def street(bureau: Bureau) -> Street:
    return Street(bureau)


def page(street: Street, token: str, language: str = "zh-CN") -> TestResponse:
    """The public page, asked for by somebody who is signed in nowhere."""
    client: FlaskClient = street.bureau.app.test_client()
    return client.get(f"/d/{token}", headers={"Accept-Language": language})


def plain(answer: TestResponse) -> str:
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", answer.text))


def test_a_paper_comes_as_pdf_with_its_digest(street: Street) -> None:
    """Each copy is a PDF under its own entity tag; asked for with it, nothing is sent twice."""
    element = street.add("D07")
    answer = street.get(element)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf"), answer.text
    text = words(answer.data)
    assert "演示执法员demo02（执法证号：YS-demo02）" in text
    assert "壹佰元整" in text
    assert "当事人联" in text
    assert "存根联" in words(street.get(element, "stub").data)
    again = street.get(element, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_paper_never_changes(street: Street) -> None:
    """What the case says later changes neither a copy that was printed nor one that was not yet."""
    element = street.add("D07")
    before = street.get(element).data
    street.send(operation("patch", "case", street.case, base=2, set={"party": {"name": "另一人"}}))
    assert street.get(element).data == before
    assert "演示当事人" in words(street.get(element, "stub").data)


def test_a_newer_typesetter_changes_no_paper(street: Street) -> None:
    """A copy that is kept is served from what is kept, whatever the press would print today."""
    element = street.add("D05")
    street.get(element)
    street.bureau.change(
        lambda session: session.execute(sa.update(RenderedCopy).values(pdf=b"%PDF-1.7 as printed then"))
    )
    assert street.get(element).data == b"%PDF-1.7 as printed then"


def test_the_thermal_copy_comes_as_roll_and_as_lines(street: Street) -> None:
    """80 mm PDF, or plain text whose lines fit the roll."""
    element = street.add("D05")
    assert "温馨提示单" in words(street.get(element, "thermal").data)
    lines = street.get(element, "lines")
    assert lines.mimetype == "text/plain"
    assert "温馨提示" in lines.text
    assert problem(street.get(street.add("D01"), "thermal")) == (404, "not_found")
    assert problem(street.get(element, "fourth")) == (422, "invalid_field")


def test_what_a_decision_lacks_is_named_and_nothing_is_kept(street: Street) -> None:
    """R09: the refusal points at each missing field in both languages; no paper is fixed by it."""
    element = street.add("D07", number=None, facts=None, content={"penalty_kinds": ["fine"]})
    answer = street.get(element)
    assert problem(answer) == (409, "document_incomplete")
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert {"/number", "/facts", "/violated", "/basis", "/content/pay"} <= pointers
    assert "文书编号" in answer.json["errors"][0]["message"]
    count = sa.select(sa.func.count()).select_from(RenderedDocument)
    assert street.bureau.change(lambda session: session.scalar(count)) == 0


def test_a_paper_of_a_type_or_day_without_form_is_refused(street: Street) -> None:
    """D35 has no form yet, and no form holds in 2020: both are said, neither is guessed."""
    for parts in ({"type": "D35"}, {"at": "2020-01-01T00:00:00+08:00"}):
        assert problem(street.get(street.add("D05", **parts))) == (409, "document_form_unknown")


def test_only_who_may_see_the_case_gets_its_papers(street: Street) -> None:
    """Another unit finds nothing, auxiliary staff are refused what names a party, a stranger must sign in."""
    element = street.add("D07")
    street.bureau.change(lambda session: session.add(Unit(id="u2", name="二中队")))
    street.bureau.officer("far", unit="u2")
    far = street.bureau.handheld()
    far.sign_in("far")
    assert problem(street.get(element, who=far)) == (404, "not_found")
    helper = street.bureau.signed_in("helper", "auxiliary")
    assert problem(street.get(element, who=helper)) == (403, "not_permitted")
    assert problem(street.get(new_id())) == (404, "not_found")
    path = f"/api/v1/cases/{street.case}/documents/{element}"
    assert problem(street.bureau.app.test_client().get(path)) == (401, "token_missing")


def test_a_measure_s_paper_says_what_its_record_says(street: Street) -> None:
    """Goods, place, ground and approval come from the measure, party and place from its case."""
    measure, element = new_id(), new_id()
    values = {
        "case": street.case,
        "kind": "seize",
        "ground": "S1",
        "imposed_at": samples.MADE_AT,
        "storage": "演示库房",
        "officers": street.officers,
        "approved_by": "演示负责人",
    }
    content = {"basis": ["《中华人民共和国行政强制法》第二十二条"], "from": "2026-11-22", "until": "2026-12-22"}
    goods = {"id": new_id(), "name": "折叠货架", "quantity": 2, "unit": "个", "condition": "七成新"}
    item = {**samples.element("D21"), "id": element, "content": content}
    street.send(
        operation("create", "measure", measure, set=values),
        operation("append", "measure", measure, list="goods", item=goods),
        operation("append", "measure", measure, list="documents", item=item),
    )
    path = f"/api/v1/measures/{measure}/documents/{element}"
    answer = street.handheld.client.get(path, headers=street.handheld.bearer)
    assert answer.status_code == 200, answer.text
    text = words(answer.data)
    facts = ("演示当事人", "折叠货架", "七成新", "演示库房", "批准人演示负责人", "自2026年11月22日至2026年12月22日")
    for fact in (*facts, "查封√扣押"):
        assert fact in text, fact
    assert problem(street.get(element)) == (404, "not_found")


def test_a_proceeding_s_paper_stands_on_its_case(street: Street) -> None:
    """A decision of the general procedure takes what its proceeding leaves open from the case below."""
    proceeding, element = new_id(), new_id()
    item = {**samples.element("D18"), "id": element}
    street.send(
        operation("create", "proceeding", proceeding, set={"case": street.case}),
        operation("append", "proceeding", proceeding, list="documents", item=item),
    )
    path = f"/api/v1/proceedings/{proceeding}/documents/{element}"
    answer = street.handheld.client.get(path, headers=street.handheld.bearer)
    assert answer.status_code == 200, answer.text
    assert "当事人：演示当事人" in words(answer.data)
    assert "初次违法且危害后果轻微并及时改正" in words(answer.data)


def test_every_look_at_a_paper_is_written_down(street: Street) -> None:
    """Each copy given out leaves a row with the officer and the copy."""
    element = street.add("D05")
    for copy in ("party", "stub", "lines"):
        street.get(element, copy)
    query = sa.select(DocumentView.kind).where(DocumentView.element == element).order_by(DocumentView.id)
    assert street.bureau.change(lambda session: list(session.scalars(query))) == ["party", "stub", "lines"]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_public_page_says_number_and_digest_and_nothing_personal(street: Street, language: str) -> None:
    """Number, type, date, authority, digest and standing; no name, no address, no fact, no amount."""
    element = street.add("D07")
    printed = words(street.get(element).data)
    answer = page(street, street.token(element), language)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    text = plain(answer)
    number = samples.element("D07")["number"]
    kind = "当场行政处罚决定书" if language == "zh-CN" else "on-the-spot"
    for fact in (number, "2026-11-22", "演示市城市管理行政执法局", kind):
        assert fact in text, fact
    code = re.search(r"校验码：((?:[0-9a-f]{4}){8})", printed)
    assert code is not None
    assert code[1] in text
    assert f"https://shenyan.example/d/{street.token(element)}" in printed
    assert [fact for fact in PERSONAL if fact in text] == []
    assert ("有效" if language == "zh-CN" else "Valid") in text


def test_the_public_page_tells_a_replaced_and_a_voided_paper(street: Street) -> None:
    """A correction shows on the page of what it corrects, with its own number; a void shows as void."""
    first = street.add("D07")
    street.get(first)
    second = street.add("D07", replaces=first, number="演城执当罚字〔2026〕第0002号")
    street.get(second)
    replaced = plain(page(street, street.token(first)))
    assert "已被更正文书替代" in replaced
    assert "演城执当罚字〔2026〕第0002号" in replaced
    street.send(operation("void", "case", street.case, list="documents", item=second, reason="写错了"))
    assert "已作废" in plain(page(street, street.token(second)))
    assert "有效" in plain(page(street, street.token(first)))
    assert "写错了" not in page(street, street.token(second)).text


def test_names_of_papers_can_be_neither_guessed_nor_tried(street: Street) -> None:
    """A wrong name finds nothing, whatever it holds; one who tries many is told to wait."""
    element = street.add("D05")
    street.get(element)
    token = street.token(element)
    assert re.fullmatch(r"[A-Z2-7]{24}", token)
    for wrong in (element, "A" * 24, token[:-1], f"{token}A", "%00", "../console", "' OR 1=1"):
        assert page(street, wrong).status_code == 404
    assert page(street, token.lower()).status_code == 200
    answers = [page(street, "B" * 24).status_code for _ in range(125)]
    assert answers[-1] == 429
    assert page(street, token).status_code == 429


def test_the_first_of_two_requests_fixes_the_paper(street: Street) -> None:
    """Of two that make a paper out at once with other words, the first counts and the second is told to look again."""
    element = street.add("D05")
    template = templates.find("D05", date(2026, 11, 22))
    assert template is not None
    made_at = datetime(2026, 11, 22, tzinfo=UTC)
    mine, other = (
        shelf.Paper(element, street.case, template, {"number": "1", "facts": facts}, made_at, "")
        for facts in ("甲", "乙")
    )
    copy = shelf.Copy(b"%PDF", "0" * 64, "party")

    def keep(paper: shelf.Paper) -> shelf.Copy | None:
        return street.bureau.change(lambda session: shelf.put(session, paper, copy, services().keys, now()))

    assert keep(other) == copy
    assert keep(mine) is None
    assert keep(other) == copy
    assert keep(replace(mine, context=other.context)) == copy


def test_a_file_of_authorities_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """What stands wrongly in the file is named with its table; an absent file is a blank authority."""
    path = tmp_path / "authorities.toml"
    assert of_unit(path, "u1") == Authority()
    for text, told in (
        ("[city", "authorities.toml"),
        ('[city]\ncolour = "red"', "unknown key 'colour'"),
        ("[city]\nname = 3", "must be a text"),
        ('[city]\nkind = "army"', "city or police"),
        ('[city]\nunits = "u1"', "list of unit codes"),
        ("city = 3", "must be a table"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(AuthoritiesUnfit, match=re.escape(told)):
            of_unit(path, "u1")
    path.write_text(AUTHORITIES + '[west]\nname = "西区"\nunits = ["u1"]\n', encoding="utf-8")
    assert of_unit(path, "u1").name == "西区"
    assert of_unit(path, "u2").name == "演示市城市管理行政执法局"
    assert of_unit(path, "u1", "police").name == "演示市公安局交通警察支队"
