"""Lists that people send as CSV: read line by line, each bad line named, nothing of a bad file taken by accident.

UTF-8 or GB 18030, columns by their names in either language, in any order; what is not asked for is left.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 500_000
MAX_CELL = 1_000
BAD_SHOWN = 100

# What a line or a file may have wrong, in both languages.
FAULTS: Mapping[str, tuple[str, str]] = {
    "too_large": ("文件超过 64 MB", "the file is larger than 64 MB"),
    "encoding": ("文字编码无法识别，请存为 UTF-8", "its text cannot be read: save it as UTF-8"),
    "no_column": ("缺少这一列", "this column is missing"),
    "too_many_rows": ("超过 50 万行", "more than 500,000 rows"),
    "not_csv": ("不是 CSV 文件", "not a CSV file"),
    "required": ("必须填写", "must be filled in"),
    "too_long": ("太长", "too long"),
    "plate_impossible": ("没有这样的号牌", "there is no such plate"),
    "not_a_day": ("日期应为 2026-11-22 的形式", "a day is written 2026-11-22"),
    "ends_before": ("有效期止早于起", "it ends before it begins"),
    "unknown_code": ("不在可选范围内", "not one of the choices"),
    "uscc": ("统一社会信用代码不对", "the credit code is wrong"),
    "twice": ("与前面的行重复", "the same as a line before"),
}


@dataclass(frozen=True, slots=True)
class Bad:
    """What is wrong with one line; 0 is the file itself, 1 its head."""

    line: int
    column: str
    code: str

    def told(self, language: str) -> str:
        zh, en = FAULTS[self.code]
        place = f"第 {self.line} 行" if language == "zh" else f"line {self.line}"
        return f"{place} {self.column}: {zh if language == 'zh' else en}"


@dataclass(slots=True)
class Report:
    """What an import read, took and refused."""

    read: int = 0
    taken: int = 0
    bad_count: int = 0
    bad: list[Bad] = field(default_factory=list)

    def refuse(self, one: Bad) -> None:
        self.bad_count += 1
        if len(self.bad) < BAD_SHOWN:
            self.bad.append(one)

    def lines(self, language: str) -> Iterator[str]:
        """The report, for people."""
        yield from (one.told(language) for one in self.bad)
        if self.bad_count > len(self.bad):
            more = self.bad_count - len(self.bad)
            yield f"另有 {more} 行有误" if language == "zh" else f"{more} more bad lines"
        counts = (self.read, self.taken, self.bad_count)
        zh = "读入 {} 行，采用 {} 行，有误 {} 行"
        yield (zh if language == "zh" else "{} lines read, {} taken, {} bad").format(*counts)


class Refused(Exception):
    """A line that is not taken; raised by who reads it."""

    def __init__(self, column: str, code: str) -> None:
        super().__init__(code)
        self.column, self.code = column, code


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the names that its head may have; the first is the one in reports."""

    name: str
    heads: tuple[str, ...]
    required: bool = False


def read(raw: bytes, columns: tuple[Column, ...], take: Callable[[Mapping[str, str]], None]) -> Report:
    """Hand each line to `take`, which refuses it by raising Refused; cells come trimmed, empty ones as ""."""
    report = Report()
    try:
        for line, cells in _lines(raw, columns):
            report.read += 1
            try:
                _check(cells, columns)
                take(cells)
                report.taken += 1
            except Refused as error:
                report.refuse(Bad(line, error.column, error.code))
    except _FileRefused as error:
        report.refuse(error.bad)
    return report


def day(cells: Mapping[str, str], name: str) -> date | None:
    """A day in a cell; None where it is empty. Raises: Refused."""
    text = cells[name].replace("/", "-")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(name, "not_a_day") from None


class _FileRefused(Exception):
    def __init__(self, line: int, column: str, code: str) -> None:
        super().__init__(code)
        self.bad = Bad(line, column, code)


def _lines(raw: bytes, columns: tuple[Column, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    if len(raw) > MAX_BYTES:
        raise _FileRefused(0, "", "too_large")
    reader = csv.reader(io.StringIO(_text(raw), newline=""), strict=True)
    try:
        head = [cell.strip().lower() for cell in next(reader, [])]
        places = {one.name: _place(one, head) for one in columns}
        for count, row in enumerate(reader):
            if count >= MAX_ROWS:
                raise _FileRefused(reader.line_num, "", "too_many_rows")
            if any(cell.strip() for cell in row):
                yield reader.line_num, {name: _cell(row, place) for name, place in places.items()}
    except csv.Error:
        raise _FileRefused(reader.line_num, "", "not_csv") from None


def _text(raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise _FileRefused(0, "", "encoding")


def _place(column: Column, head: list[str]) -> int | None:
    place = next((head.index(name) for name in (column.name, *column.heads) if name in head), None)
    if place is None and column.required:
        raise _FileRefused(1, column.name, "no_column")
    return place


def _cell(row: list[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""


def _check(cells: Mapping[str, str], columns: tuple[Column, ...]) -> None:
    for one in columns:
        if one.required and not cells[one.name]:
            raise Refused(one.name, "required")
        if len(cells[one.name]) > MAX_CELL:
            raise Refused(one.name, "too_long")
