"""Papers: what they say, that they say it in PDF/A with fonts of their own, and always in the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import pypdfium2
import pytest

from field_api.casework.documents import contexts, glyphs, press, seals, slips, templates
from field_api.casework.documents.contexts import Source
from field_api.casework.documents.remedies import REVIEW_FIRST
from field_api.casework.documents.templates import Template
from field_api.casework.enums import ENUMS
from field_api.config import Config, ConfigError
from launcher.installation import ROOT
from tests.support import paper_pictures as pictures
from tests.support import paper_samples as samples

BEFORE, SINCE = "2023-12-31T23:30:00+08:00", "2024-01-01T00:00:00+08:00"
ISSUED = [
    *("D01", "D02", "D03", "D04", "D05", "D06", "D07", "D09", "D10", "D15", "D16", "D17", "D18", "D19", "D20", "D21"),
    *("D23", "D25", "D26", "D27", "D28", "D31", "D37", "D38", "D39", "D40"),
]


def template_of(kind: str, day: date = date(2026, 11, 22)) -> Template:
    found = templates.find(kind, day)
    assert found is not None
    return found


def source_of(kind: str, *, content: Mapping[str, Any] | None = None, **parts: Any) -> Source:
    element = samples.element(kind) | parts
    element["content"] = {**element["content"], **(content or {})}
    authority = samples.POLICE if kind in samples.POLICE_TYPES else samples.CITY
    return Source(samples.case(kind), element, samples.OFFICERS, authority, samples.CAPITALS.__getitem__)


def words(pdf: bytes) -> str:
    """Every word of a PDF, without the spaces that a layout adds."""
    with pypdfium2.PdfDocument(pdf) as pages:
        text = "".join(page.get_textpage().get_text_bounded() for page in pages)
    return re.sub(r"\s+", "", text)


def said(kind: str, copy: str = "party", *, content: Mapping[str, Any] | None = None, **parts: Any) -> str:
    return printed(source_of(kind, content=content, **parts), kind, copy)


def printed(source: Source, kind: str, copy: str = "party") -> str:
    made = contexts.made_at(source.element)
    assert made is not None
    template = template_of(kind, made.date())
    return words(press.render(template, contexts.build(template, source), copy, 0).pdf)


def test_every_issued_type_has_a_form_and_a_word() -> None:
    """The types of the issue are those that have templates, each named in the code table."""
    assert sorted({one.type for one in templates.shipped()}) == ISSUED
    assert set(ISSUED) <= {code for code, _, _ in ENUMS["document_type"]}
    press.check()


@pytest.mark.parametrize("kind", ISSUED)
def test_a_full_paper_lacks_nothing_and_is_archivable(kind: str) -> None:
    """A complete paper of each type has no missing field, says PDF/A-2b of itself and embeds both its fonts."""
    template = template_of(kind)
    context = contexts.build(template, source_of(kind))
    assert contexts.missing(template, context, police=kind in samples.POLICE_TYPES) == []
    copy = template.copies[0]
    pdf = press.render(template, context, copy, 0).pdf
    assert pdf.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in pdf
    embedded = set(re.findall(rb"/FontName ?/[A-Z]{6}\+(Noto\w+SC)", _opened(pdf)))
    assert {name.decode() for name in embedded} == {"NotoSansSC", "NotoSerifSC"}
    assert template.zh in words(pdf)


def _opened(pdf: bytes) -> bytes:
    """A PDF's objects, those in compressed streams too."""
    found = [pdf]
    for part in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(part[1]))
        except zlib.error:
            continue
    return b"\n".join(found)


@pytest.mark.parametrize("kind", ISSUED)
def test_an_empty_paper_prints_and_names_what_it_lacks(kind: str) -> None:
    """With nothing but a type and a time every form still sets, and its mandatory fields are named."""
    template = template_of(kind)
    source = Source({}, {"type": kind, "at": samples.MADE_AT})
    context = contexts.build(template, source)
    lacking = contexts.missing(template, context)
    assert set(template.required) - {"remedy"} <= set(lacking)
    assert template.zh in words(press.render(template, context, template.copies[0], 0).pdf)


def test_an_on_the_spot_decision_says_all_that_article_52_wants() -> None:
    """Facts, provisions, amount in figures and capitals, time, place, authority and both officers stand in it."""
    text = said("D07")
    for fact in (
        *("演示当事人", "11010519491231002X", "人行道上堆放水果", "第十四条", "第三十六条"),
        *("罚款大写人民币壹佰元整罚款小写¥100.00",),
        *("2026年11月22日14时05分", "演示路12号门前", "演示市城市管理行政执法局（印章）"),
        *("演示执法员甲（执法证号：YS-0001）", "演示执法员乙（执法证号：YS-0002）", "陈述权、申辩权", "百分之三"),
        *("演示银行演示支行", "第0001号"),
    ):
        assert fact in text, fact


def test_since_2024_an_on_the_spot_decision_sends_the_party_to_review_first() -> None:
    """R41: from 2024-01-01 the words are those of Art. 23; the day before, review or suit as the party likes."""
    now, then = said("D07", at=SINCE), said("D07", at=BEFORE)
    assert REVIEW_FIRST in now
    assert "不能直接提起行政诉讼" in now
    assert "也可以自收到" not in now
    assert REVIEW_FIRST not in then
    assert "也可以自收到本决定书之日起六个月内直接向演示区人民法院提起行政诉讼" in then


def test_every_on_the_spot_form_of_today_wants_review_first() -> None:
    """No template of D07 that holds after 2023 has other words than those of Art. 23."""
    variants = {one.remedy for one in templates.shipped() if one.type == "D07" and one.valid_to is None}
    assert variants == {"spot_2024"}


def test_a_general_decision_leaves_the_choice() -> None:
    """Against a decision of the general procedure: review within 60 days, or suit within six months."""
    text = said("D17")
    assert "六十日内向演示市人民政府" in text
    assert "六个月内直接向演示区人民法院提起行政诉讼" in text
    assert "伍仟元整" in text
    assert "加处罚款的数额在复议、诉讼期间不予计算" in text
    assert REVIEW_FIRST not in text


def test_a_decision_without_a_fine_says_nothing_of_late_fees() -> None:
    """Against a no-penalty decision the same two ways lie open, and no word of paying stands in it."""
    text = said("D18")
    assert "六十日内向演示市人民政府" in text
    assert "加处罚款" not in text


def test_service_through_the_internet_brings_the_channel_of_review() -> None:
    """R42: a paper served electronically names the internet channel; where none is configured it says so."""
    served = {"mode": "electronic", "at": samples.MADE_AT}
    source = source_of("D17", served=served)
    assert "https://fuyi.example" in printed(source, "D17")
    assert "互联网行政复议申请渠道：（未配置）" in printed(
        replace(source, authority=replace(samples.CITY, channel="")), "D17"
    )
    assert "互联网行政复议" not in said("D17")


def test_what_nobody_configured_is_printed_as_not_configured() -> None:
    """No authority, court or bank is invented: the paper says （未配置）."""
    source = replace(source_of("D07"), authority=replace(samples.CITY, name="", seal="", review="", court="", bank=""))
    text = printed(source, "D07")
    assert "行政复议机关（未配置）" in text
    assert "人民法院（未配置）" in text
    template = template_of("D07")
    assert contexts.missing(template, contexts.build(template, source)) == ["authority.name"]


def test_a_fine_without_its_capitals_and_a_lone_officer_are_named() -> None:
    """R09: the amount in capitals and a second officer's certificate are mandatory; for the police one officer does."""
    template = template_of("D07")
    source = replace(source_of("D07"), capitals=None, officers=samples.OFFICERS[:1])
    context = contexts.build(template, source)
    assert contexts.missing(template, context) == ["penalty.capitals", "officers"]
    assert contexts.missing(template, context, police=True) == ["penalty.capitals"]


def test_a_warning_alone_needs_no_amount_and_offers_no_way_to_pay() -> None:
    """Where no fine stands, its amount is struck and nothing is said of paying; the paper lacks nothing."""
    source = source_of("D07", content={"penalty_kinds": ["warn"], "pay": None})
    source = replace(source, case={**source.case, "amount_fen": None})
    template = template_of("D07")
    assert contexts.missing(template, contexts.build(template, source)) == []
    text = printed(source, "D07")
    assert "处罚决定警告罚款大写罚款小写" in text
    assert "履行方式" not in text
    assert "百分之三" not in text


def test_a_content_of_any_size_is_cut_to_a_bounded_paper() -> None:
    """However much a content holds, what is printed of it is bounded, and says that it was cut."""
    answers = [{"q": "问" * 4000, "a": "答" * 4000} for _ in range(100)]
    context = contexts.build(template_of("D02"), source_of("D02", content={"answers": answers}))
    told = "".join(one["q"] + one["a"] for one in context["content"]["answers"])
    assert len(told) < contexts.LONGEST_CONTENT + 200 * len(glyphs.CUT)
    assert glyphs.CUT in told


def test_threads_print_at_once() -> None:
    """Each thread has a compiler of its own: papers printed side by side are what they are alone."""
    alone = {kind: pictures.printed(kind, "party") for kind in ("D05", "D07", "D17", "D40")}
    with ThreadPoolExecutor(4) as pool:
        pressed = [(kind, pool.submit(pictures.printed, kind, "party")) for kind in list(alone) * 3]
    assert all(paper.result() == alone[kind] for kind, paper in pressed)


def test_a_refusal_to_sign_is_noted_with_its_witness() -> None:
    """Where the party refuses, the note and the witness stand where he would have signed."""
    served = {"mode": "refused_on_site", "note": "当事人称不识字，拒绝签名。", "witness": "演示见证人"}
    text = said("D07", served=served)
    assert "当事人称不识字，拒绝签名。（见证人：演示见证人）" in text
    assert "当事人（签名或者盖章）" not in text


def test_a_signature_on_the_screen_stands_with_its_time_and_digest() -> None:
    """What was signed on the terminal is printed as such; the paper leaves no line to sign again."""
    element = samples.element("D07")
    signed = {"signer": "party", "document": element["id"], "method": "stroke", "at": samples.MADE_AT}
    signed["strokes_sha256"] = "ab" * 32
    source = source_of("D07")
    source = replace(source, case={**source.case, "signatures": [signed, {**signed, "document": "another"}]})
    assert "屏幕签名，2026年11月22日15时10分，签名摘要abababababababab" in printed(source, "D07")


def test_an_organisation_strikes_the_person_s_column() -> None:
    """The unused column holds lines and no words; the used one the organisation's name, code and representative."""
    text = said("D07", content={"party": samples.ORGANISATION})
    assert "单位名称演示运输有限公司法定代表演示负责人信用代码91350100M000100Y43" in text
    assert "个人姓名性别证件号码联系电话" in text


def test_party_copy_and_stub_say_which_they_are() -> None:
    """The two copies differ in their name alone."""
    party, stub = said("D07"), said("D07", "stub")
    assert "当事人联" in party
    assert "存根联" in stub
    assert party.replace("当事人联", "") == stub.replace("存根联", "")


def test_the_same_paper_has_the_same_bytes_in_another_process() -> None:
    """Rendered twice here and once elsewhere, a paper's bytes are equal."""
    here = [sha256(pictures.printed("D07", "party")).hexdigest() for _ in range(2)]
    program = (
        "from hashlib import sha256; from tests.support import paper_pictures as pictures;"
        "print(sha256(pictures.printed('D07', 'party')).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {*here, there.stdout.strip()} == {here[0]}


HOSTILE = {
    "markup": '#strong[x] $a^2$ = 标题 \\ #read("house.typ") <label> @ref `raw` *粗* _斜_ //',
    "long": "长" * 10_000,
    "unbroken": "x" * 10_000,
    "controls": "甲\x00\x07\x1b[31m\x7f乙\u2028丙\ud800丁",
    "directions": "甲\u202e乙\u2066丙\u200f丁 مرحبا שלום",
    "rare": "𠮷𰻞😀👨‍👩‍👧㛃e\u0301\ufe0f\ufffd",
    "lines": "一\r\n二\r三\n\n\n四\t五",
    "json": '"}],"title":"伪造","x":"',
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["D02", "D07", "D19", "D39"])
def test_hostile_words_are_printed_and_do_nothing(kind: str, name: str) -> None:
    """Whatever a field holds, the paper sets on every medium, keeps its title, and shows it as words."""
    bad = HOSTILE[name]
    source = source_of(kind, number=bad, facts=bad, content=dict.fromkeys(samples.CONTENTS[kind][1], bad))
    source = replace(
        source,
        case={"party": {"name": bad, "address": bad, "id_no": bad}, "address": bad, "case_no": bad},
        element={
            **source.element,
            "content": {**source.content, "items": [{"name": bad}], "answers": [{"q": bad, "a": bad}]},
        },
    )
    template = template_of(kind)
    context = seals.sealed(contexts.build(template, source), "A" * 24, "https://x.example")
    for copy in ("party", "thermal"):
        assert template.zh in words(press.render(template, context, copy, 0).pdf)
    lines = slips.lines(press.told_lines(template, context, "thermal"))
    assert max(map(slips.width, lines)) <= slips.COLUMNS


def test_markup_comes_out_as_it_was_written() -> None:
    """typst's own signs in a name are printed, not obeyed."""
    assert '#strong[x]$a^2$=标题\\#read("house.typ")' in said("D07", facts=HOSTILE["markup"])


def test_a_name_that_the_fonts_lack_is_written_by_its_code_point() -> None:
    """A rare character is neither dropped nor replaced by a box."""
    assert "演〔U+20BB7〕示" in said("D07", content={"party": {"name": "演𠮷示"}})


def test_the_thermal_lines_say_what_the_paper_says() -> None:
    """The plain lines hold number, party, amount, capitals, remedy and check code, all in GBK, 48 columns wide."""
    template = template_of("D07")
    context = seals.sealed(contexts.build(template, source_of("D07")), "A" * 24, "https://x.example")
    lines = slips.lines(press.told_lines(template, context, "thermal"))
    text = re.sub(r"\s+", "", "".join(lines))
    facts = ("当场行政处罚决定书", "第0001号", "演示当事人", "壹佰元整", "￥100.00", "[√]自收到", "校验码：")
    for fact in (*facts, REVIEW_FIRST):
        assert fact in text, fact
    for line in lines:
        line.encode("gbk")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)
        assert slips.width(line) <= slips.COLUMNS


def test_a_number_is_never_broken_over_two_lines() -> None:
    """An amount or a plate goes to the next line whole; only what no line holds is broken."""
    assert slips.wrap("罚款￥1,000.00元", 12) == ["罚款", "￥1,000.00元"]
    assert slips.wrap("x" * 20, 8) == ["x" * 8, "x" * 8, "x" * 4]


def test_an_endless_word_stays_on_the_paper() -> None:
    """A word that no line holds is broken, so that all of it can be read."""
    template = template_of("D07")
    context = contexts.build(template, source_of("D07", facts="x" * 2000))
    with pypdfium2.PdfDocument(press.render(template, context, "party", 0).pdf) as pages:
        right = [
            page.get_textpage().get_charbox(index)[2]
            for page in pages
            for index in range(page.get_textpage().count_chars())
        ]
        assert max(right) < pages[0].get_width() - 50


def test_a_closing_mark_never_begins_a_line() -> None:
    """Where a line is full, the character before a closing mark goes with it."""
    assert slips.wrap("一二三四，五", 8) == ["一二三", "四，五"]
    assert slips.wrap("", 8) == []
    assert slips.wrap("，" * 9, 8) == ["，" * 3, "，" * 3, "，" * 3]


def test_no_day_has_two_forms_and_none_before_the_first() -> None:
    """Each day has at most one template of a type; a day before the first has none, which is not guessed."""
    assert templates.find("D07", date(2021, 7, 14)) is None
    assert template_of("D07", date(2023, 12, 31)).version == "D07.1"
    assert template_of("D07", date(2024, 1, 1)).version == "D07.2"
    assert templates.find("D99", date(2026, 1, 1)) is None


@pytest.mark.parametrize("address", ["shenyan.example", "javascript:alert(1)", "https://" + "x" * 200, "http://a b"])
def test_a_public_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    """What would stand on every paper is checked before the first is printed."""
    with pytest.raises(ConfigError, match="FIELDPOST_PUBLIC_URL"):
        Config.from_env({"FIELDPOST_PUBLIC_URL": address})


def test_the_day_of_a_paper_is_the_bureau_s() -> None:
    """A decision made at 2023-12-31T16:30Z was made on New Year's Day in China, and is so dated."""
    text = said("D07", at="2023-12-31T16:30:00Z")
    assert REVIEW_FIRST in text
    assert "2024年1月1日" in text
