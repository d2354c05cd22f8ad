"""The import of the violation catalogue: good tables, bad ones with every fault named, hostile ones refused."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.casework import sheets
from field_api.casework.catalogue_import.columns import COLUMNS, written
from field_api.casework.catalogue_import.report import FAULT_WORDS, MOST_FINDINGS, Report
from field_api.casework.catalogue_import.rows import drafts
from field_api.casework.catalogue_import.taking import judge
from field_api.casework.law.catalogue import Item
from field_api.casework.sheets import Unreadable, read_table
from field_api.casework.violations import demonstration, national, template

GOOD = {
    "code": "YS-1", "zh": "演示案由", "breaks": "演示条例第一条", "applies": "演示条例第二条；演示条例第三条",
    "subject": "城管执法局", "categories": "406", "citizen_kinds": "警告；罚款", "citizen_min": "20",
    "citizen_max": "200", "valid_from": "2026-01-01", "source": "演示数据",
}  # fmt: skip


def table(*rows: dict[str, str], keys: Sequence[str] = tuple(COLUMNS)) -> list[list[str]]:
    """Rows under headings, as a reader gives them."""
    return [list(keys), *([row.get(key, "") for key in keys] for row in rows)]


def judged(*rows: dict[str, str], held: Sequence[Item] = ()) -> Report:
    """What a table of these rows comes to."""
    return judge(*drafts(table(*rows)), held)


def faults(report: Report) -> list[tuple[int, str, str]]:
    return [(one.line, one.column, one.code) for one in report.findings]


def workbook(fill: Callable[[Any, Any], None]) -> bytes:
    """An XLSX made by another program than the one that reads it."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        fill(book, book.add_worksheet())
    return file.getvalue()


def rewritten(raw: bytes, **parts: bytes) -> bytes:
    """A workbook with some of its parts replaced; names by their last word."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as kept:
        for name in source.namelist():
            new = parts.get(name.rpartition("/")[2].partition(".")[0])
            kept.writestr(name, source.read(name) if new is None else new)
    return target.getvalue()


def outcome(raw: bytes) -> tuple[list[list[str]], str]:
    """The rows and nothing, or no rows and the fault."""
    try:
        return read_table(raw), ""
    except Unreadable as refused:
        return [], refused.code


PLAIN = workbook(lambda _book, sheet: sheet.write(0, 0, "甲"))
SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'


# Good tables.


def test_every_shipped_item_survives_being_written_and_read() -> None:
    """Export and import are each other's opposite, with headings in either language."""
    items = [replace(one, code=one.code.replace("DEMO", "YS"), demo=False) for one in (*national(), *demonstration())]
    for language in ("zh", "en"):
        found, loose = drafts(read_table(written(items, language)))
        assert loose == []
        assert [fault for one in found for fault in one.findings] == []
        assert [one.item for one in found] == items


def test_the_template_is_right_as_it_is() -> None:
    """Who fills it in begins with something that can be taken in, steps included."""
    report = judge(*drafts(read_table(written(template(), "zh"))), ())
    assert (report.all_right, [one.action for one in report.planned]) == (True, ["new"])
    assert len(report.planned[0].item.steps) == 9


def test_a_spreadsheet_and_a_csv_of_the_same_table_are_the_same() -> None:
    """Numbers, days and codes as a spreadsheet holds them: 20.0, a date, a category that lost its zero."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    typed = GOOD | {"citizen_min": 20.5, "citizen_max": 200, "categories": 406, "valid_from": since}

    def fill(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for column, key in enumerate(typed):
            sheet.write(0, column, COLUMNS[key].zh)
            value = typed[key]
            if isinstance(value, datetime):
                sheet.write_datetime(1, column, value.replace(tzinfo=None), day)
            else:
                sheet.write(1, column, value)

    [from_sheet] = drafts(read_table(workbook(fill)))[0]
    [from_rows] = drafts(table(GOOD | {"citizen_min": "20.50"}))[0]
    assert from_sheet.findings == []
    assert from_sheet.item == from_rows.item
    assert from_sheet.item is not None
    assert from_sheet.item.penalties["citizen"].min_fen == 20_50
    assert (from_sheet.item.categories, from_sheet.item.read) == (("0406",), "local")


def test_what_excel_saves_in_chinese_is_read() -> None:
    """GB 18030 without a mark, tabs, Chinese headings, and an empty amount that stays unknown."""
    keys = list(GOOD)
    lines = ["\t".join(COLUMNS[key].zh for key in keys), "\t".join((GOOD | {"citizen_min": ""})[key] for key in keys)]
    [draft] = drafts(read_table("\r\n".join(lines).encode("gb18030")))[0]
    assert draft.findings == []
    assert draft.item is not None
    assert draft.item.penalties["citizen"].min_fen is None


def test_steps_stand_on_lines_of_their_own() -> None:
    """Below an item, with its code or without; each knows its party and its factors, local ones too."""
    first = GOOD | {"step_code": "A", "step_zh": "轻微", "step_max": "50", "step_min": "20", "step_factors": "初次违法"}
    second = {"step_code": "B", "step_zh": "面积大", "step_party": "公民", "step_min": "100", "step_max": "200",
              "step_factors": "local_over_10sqm"}  # fmt: skip
    report = judged(first, {"code": "YS-1"} | second, GOOD | {"code": "YS-2"})
    assert faults(report) == []
    steps = report.planned[0].item.steps
    assert [(one.code, one.party, one.factors) for one in steps] == [
        ("A", None, ("first_offence",)), ("B", "citizen", ("local_over_10sqm",)),
    ]  # fmt: skip
    assert [one.item.code for one in report.planned] == ["YS-1", "YS-2"]


# Versions.


def test_a_later_day_is_a_new_version_and_nothing_is_overwritten() -> None:
    """The same is unchanged, another content of the same day is refused, an end may be added once, earlier is late."""
    [held] = [one.item for one in judged(GOOD).planned]
    assert held.valid_from == date(2026, 1, 1)
    expected = [
        (GOOD, "unchanged", []),
        (GOOD | {"citizen_max": "300"}, None, [(2, "valid_from", "would_overwrite")]),
        (GOOD | {"valid_from": "2026-07-01", "citizen_max": "300"}, "version", []),
        (GOOD | {"valid_from": "2025-12-31"}, None, [(2, "valid_from", "older_than_held")]),
        (GOOD | {"valid_to": "2026-06-30"}, "ends", []),
        (GOOD | {"valid_to": "2026-06-30", "zh": "改名"}, None, [(2, "valid_from", "would_overwrite")]),
        (GOOD | {"code": "YS-2"}, "new", []),
    ]
    for row, action, found in expected:
        report = judged(row, held=[held])
        assert faults(report) == found, row
        assert [one.action for one in report.planned] == ([action] if action else []), row
    ended = replace(held, valid_to=date(2026, 6, 30))
    assert faults(judged(GOOD | {"valid_to": "2026-12-31"}, held=[ended])) == [(2, "valid_from", "would_overwrite")]
    assert faults(judged(GOOD, GOOD)) == [(2, "valid_from", "twice_in_file"), (3, "valid_from", "twice_in_file")]


# Bad tables.


@pytest.mark.parametrize(
    ("changed", "column", "fault"),
    [
        ({"zh": "x" * 201}, "zh", "too_long"),
        ({"code": "占道"}, "code", "code_form"),
        ({"code": "ys-1"}, "code", "code_form"),
        ({"code": "DEMO-1"}, "code", "reserved"),
        ({"code": ""}, "code", "required"),
        ({"breaks": ""}, "breaks", "required"),
        ({"breaks": "；".join(f"第{n}条" for n in range(11))}, "breaks", "too_many"),
        ({"subject": "城管"}, "subject", "not_in_list"),
        ({"subject": "other"}, "authority", "authority_missing"),
        ({"categories": "9999"}, "categories", "not_in_list"),
        ({"citizen_kinds": "罚金"}, "citizen_kinds", "not_in_list"),
        ({"citizen_kinds": "警告"}, "citizen_min", "amount_without_fine"),
        ({"citizen_kinds": "", "citizen_min": "", "citizen_max": ""}, "citizen_kinds", "no_penalty_at_all"),
        ({"citizen_min": "二十"}, "citizen_min", "not_money"),
        ({"citizen_min": "-5"}, "citizen_min", "not_money"),
        ({"citizen_min": "1.005"}, "citizen_min", "not_money"),
        ({"citizen_min": "1e3"}, "citizen_min", "not_money"),
        ({"citizen_min": "٢٠"}, "citizen_min", "not_money"),
        ({"citizen_max": "9999999999"}, "citizen_max", "not_money"),
        ({"citizen_min": "300"}, "citizen_min", "range_upside_down"),
        ({"valid_from": "2026-02-29"}, "valid_from", "not_a_day"),
        ({"valid_from": "元旦"}, "valid_from", "not_a_day"),
        ({"valid_from": "1899-01-01"}, "valid_from", "not_a_day"),
        ({"valid_to": "2025-12-31"}, "valid_to", "ends_before_it_begins"),
        ({"source": "=HYPERLINK(1)"}, "source", "like_a_formula"),
        ({"source": "@SUM(1)"}, "source", "like_a_formula"),
        ({"exempt_conditions": "初次违法"}, "exempt_basis", "condition_missing"),
        ({"exempt_conditions": "心情好", "exempt_basis": "x"}, "exempt_conditions", "not_in_list"),
        ({"step_code": "A"}, "step_zh", "required"),
        ({"step_code": "A", "step_zh": "阶", "step_min": "10"}, "step_code", "step_out_of_range"),
        ({"step_code": "A", "step_zh": "阶", "step_party": "单位"}, "step_code", "step_without_fine"),
    ],
)
def test_each_fault_is_named_with_its_line_and_column(changed: dict[str, str], column: str, fault: str) -> None:
    """One thing wrong is one finding, in words of both languages; its item is not taken, its neighbour is."""
    report = judged(GOOD | changed, GOOD | {"code": "YS-9"})
    assert faults(report) == [(2, column, fault)]
    assert [one.item.code for one in report.planned] == ["YS-9"]
    assert (report.bad, report.all_right) == (1, False)
    zh, en = (report.findings[0].words(language) for language in ("zh", "en"))
    assert zh.startswith(f"第 2 行，{COLUMNS[column].zh}：")
    assert en.startswith(f"line 2, {COLUMNS[column].en}: ")


def test_lines_that_belong_to_nothing_are_named() -> None:
    """A step before any item, of another item, with more than a step; an item twice-stepped; a cell aside."""
    step = {"step_code": "A", "step_zh": "阶"}
    assert faults(judged(step, GOOD)) == [(2, "step_code", "step_without_item")]
    assert faults(judged(GOOD, step | {"code": "YS-7"})) == [(3, "code", "of_another_item")]
    assert faults(judged(GOOD, step | {"source": "x"})) == [(3, "source", "item_on_step_line")]
    assert faults(judged(GOOD | step, step)) == [(2, "step_code", "step_twice")]
    assert faults(judged(GOOD, {"code": "YS-7"}))[0] == (3, "zh", "required")
    shifted = [*table(GOOD), [*table(GOOD | {"code": "YS-2"})[1], "", "旁边"]]
    assert faults(judge(*drafts(shifted), ())) == [(3, "", "beyond_headings")]


def test_headings_are_judged_before_anything_else() -> None:
    """Unknown, missing or doubled ones stop the reading; so do a table without any and one without rows."""
    keys = list(GOOD)
    assert faults(judge(*drafts(table(GOOD, keys=[*keys, "colour"])), ())) == [(1, "", "column_unknown")]
    assert faults(judge(*drafts(table(GOOD, keys=[*keys, "案由名称"])), ())) == [(1, "zh", "column_twice")]
    assert faults(judge(*drafts(table(GOOD, keys=keys[1:])), ())) == [(1, "code", "column_missing")]
    assert [code for _, _, code in faults(judge(*drafts([["", ""]]), ()))] == ["file_empty"]
    assert [code for _, _, code in faults(judge(*drafts(table()), ()))] == ["nothing_in_it"]


def test_a_report_is_bounded_and_counts_the_rest() -> None:
    """Four hundred faults: two hundred are listed, all are counted, in the lines of the report too."""
    rows = [GOOD | {"code": f"YS-{n}", "subject": "x", "source": ""} for n in range(200)]
    report = judged(*rows)
    assert (len(report.findings), report.faults, report.bad) == (MOST_FINDINGS, 400, 200)
    assert "还有 200 处未列出" in report.lines("zh")
    assert "and 200 more" in report.lines("en")


def test_every_fault_has_words_in_both_languages() -> None:
    """No code is shown bare."""
    assert all(zh and en and zh != en for zh, en in FAULT_WORDS.values())


# Hostile files.


def doctype(entity: bytes) -> bytes:
    return b'<?xml version="1.0"?><!DOCTYPE x [' + entity + b"]>" + SHEET.format("").encode()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "file_empty"),
    "blanks": (b" \r\n\r\n", "file_empty"),
    "too large": (b"a," * (sheets.MAX_BYTES // 2 + 1), "file_too_large"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "not_a_table"),
    "old Excel, or a password": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), "old_office"),
    "no encoding": (b"a,b\xff\xff\xff\n", "encoding_unknown"),
    "an open quotation": (b'a,b\n"never closed', "file_damaged"),
    "too many rows": (b"a\n" * (sheets.MAX_ROWS + 1), "too_many_rows"),
    "too many columns": (b"," * sheets.MAX_COLUMNS + b"a", "too_many_columns"),
    "a long cell": (b"a," + b"x" * (sheets.MAX_CELL + 1), "cell_too_long"),
    "a control character": (b"a,\x1b[2J", "unprintable"),
    "a damaged archive": (PLAIN[: len(PLAIN) // 2], "file_damaged"),
    "only a zip's mark": (b"PK\x03\x04" + bytes(40), "file_damaged"),
    "rows far away": (workbook(lambda _book, sheet: sheet.write(1_048_575, 0, 1)), "too_many_rows"),
    "columns far away": (workbook(lambda _book, sheet: sheet.write(0, 16_383, 1)), "too_many_columns"),
    "a long shared text": (workbook(lambda _book, sheet: sheet.write(0, 0, "x" * 30_000)), "cell_too_long"),
    "a cell just too long": (workbook(lambda _book, sheet: sheet.write(0, 0, "x" * 2001)), "cell_too_long"),
    "unmarked cells": (rewritten(PLAIN, sheet1=SHEET.format(f"<row>{'<c/>' * 65}</row>").encode()), "too_many_columns"),
    "unmarked rows": (rewritten(PLAIN, sheet1=SHEET.format("<row/>" * 5002).encode()), "too_many_rows"),
    "a place that is none": (rewritten(PLAIN, sheet1=SHEET.format('<row><c r="1A"/></row>').encode()), "file_damaged"),
    "a prefixed far cell": (
        rewritten(PLAIN, sheet1=b'<x:worksheet xmlns:x="y"><x:row><x:c r="XFD1"/></x:row></x:worksheet>'),
        "too_many_columns",
    ),
    "many words for one": (
        rewritten(PLAIN, sharedStrings=doctype(b'<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">')),
        "markup_refused",
    ),
    "a file of the server's": (
        rewritten(PLAIN, sharedStrings=doctype(b'<!ENTITY a SYSTEM "file:///etc/passwd">')),
        "markup_refused",
    ),
    "another encoding": (rewritten(PLAIN, sheet1=SHEET.format("").encode("utf-16")), "markup_refused"),
    "a declared encoding": (
        rewritten(PLAIN, sheet1=b'<?xml version="1.0" encoding="gbk"?>' + SHEET.format("").encode()),
        "markup_refused",
    ),
    "deep markup": (rewritten(PLAIN, sheet1=b"<a>" * 65 + b"</a>" * 65), "markup_refused"),
    "markup cut off": (rewritten(PLAIN, sheet1=b"<worksheet><sheetData>"), "file_damaged"),
    "a bomb by ratio": (rewritten(PLAIN, styles=b"<s>" + b" " * 2_000_000 + b"</s>"), "zip_bomb"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "fault"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_by_name(raw: bytes, fault: str) -> None:
    """Each is turned away with words for a person before it costs anything."""
    with pytest.raises(Unreadable) as refused:
        read_table(raw)
    assert refused.value.code == fault
    assert fault in FAULT_WORDS


def test_a_bomb_by_size_and_one_by_parts_are_refused() -> None:
    """Parts that each keep the ratio but together exceed the whole; and more parts than any workbook has."""
    noise = random.Random(1)
    part = b"<a>" + b"".join(b"%064x" % noise.getrandbits(256) + b" " * 3000 for _ in range(1000)) + b"</a>"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(6):
            file.writestr(f"xl/{number}.xml", part)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as file:
        for number in range(sheets.MAX_PARTS + 1):
            file.writestr(f"xl/{number}.xml", b"<a/>")
    for raw in (target.getvalue(), many.getvalue()):
        assert outcome(raw) == ([], "zip_bomb")


def test_a_header_that_lies_about_its_size_is_not_believed() -> None:
    """What is counted is what comes out, not what the archive says will."""
    raw = rewritten(PLAIN, styles=b"<s>" + b" " * 2_000_000 + b"</s>")
    size = (2_000_007).to_bytes(4, "little")
    assert raw.count(size) == 2
    with pytest.raises(Unreadable):
        read_table(raw.replace(size, (7).to_bytes(4, "little")))


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_a_workbook_with_any_part_spoilt_is_read_or_refused(dice: random.Random) -> None:
    """Bytes changed inside the parts, so that the archive's own check passes; nothing else is ever raised."""
    raw = workbook(lambda _book, sheet: [sheet.write(row, row, f"{row}案由") for row in range(4)])
    name = dice.choice(["sheet1", "sharedStrings", "workbook", "styles", "[Content_Types]"])
    with zipfile.ZipFile(io.BytesIO(raw)) as source:
        [path] = [one for one in source.namelist() if one.rpartition("/")[2] == f"{name}.xml"]
        part = bytearray(source.read(path))
    for _ in range(dice.randrange(1, 5)):
        part[dice.randrange(len(part))] = dice.randrange(256)
    rows, fault = outcome(rewritten(raw, **{name: bytes(part)}))
    assert fault in ("", *FAULT_WORDS)
    assert all(isinstance(cell, str) for row in rows for cell in row)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No file makes the reader fail in another way, and no table the judge."""
    rows, fault = outcome(raw)
    assert fault in ("", *FAULT_WORDS)
    assert not judge(*drafts(rows), ()).all_right


@given(st.lists(st.dictionaries(st.sampled_from(list(COLUMNS)), st.text(max_size=30), max_size=8), max_size=6))
def test_any_cells_are_taken_or_named(rows: list[dict[str, str]]) -> None:
    """Whatever is typed in whichever column, the report names a line and a known fault, or the item is whole."""
    text = io.StringIO()
    csv.writer(text).writerows(table(GOOD, *rows))
    read, fault = outcome(text.getvalue().encode("utf-8", "replace"))
    assert fault in ("", *FAULT_WORDS)
    report = judge(*drafts(read), ())
    assert all(one.code in FAULT_WORDS for one in report.findings)
    assert fault or report.bad + len(report.planned) >= 1
