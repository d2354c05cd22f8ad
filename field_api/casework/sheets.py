"""Reads tables that people send: CSV and XLSX, as rows of text, and never more than a person would type.

Everything about a file is doubted: its size, its compression, its markup, what it says of itself. An XLSX is
unpacked here, looked at part by part, and handed on without compression and without what no table needs.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineWorkbook

MAX_BYTES = 2 * 1024 * 1024
MAX_ROWS = 5000
MAX_COLUMNS = 64
MAX_CELL = 2000
MAX_PARTS = 200
MAX_UNPACKED_BYTES = 16 * 1024 * 1024
MAX_RATIO = 200
MAX_DEPTH = 64
_PIECE = 64 * 1024
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")
_KEPT = re.compile(r"(\[Content_Types\]\.xml|_rels/\.rels|xl/.+\.(xml|rels))", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

FAULTS: Mapping[str, tuple[str, str]] = {
    "file_empty": ("文件是空的", "the file is empty"),
    "file_too_large": ("文件超过 2 MB", "the file is larger than 2 MB"),
    "not_a_table": ("不是 CSV 或 XLSX 文件", "neither a CSV nor an XLSX file"),
    "old_office": ("是旧版 Office 文件或加了密码：请另存为 XLSX 或 CSV，不设密码",
                   "an old or a protected Office file: save it as XLSX or CSV, without a password"),
    "encoding_unknown": ("文字编码无法识别：请存为 UTF-8", "its text cannot be read: save it as UTF-8"),
    "file_damaged": ("文件已损坏，无法读取", "the file is damaged"),
    "zip_bomb": ("解压后过大", "it unpacks to too much"),
    "markup_refused": ("含有不接受的内容（外部实体或特殊编码）", "it holds markup that is not accepted"),
    "too_many_rows": ("超过 5000 行：请删去空行或分成几个文件", "more than 5000 rows: delete empty ones or split it"),
    "too_many_columns": ("超过 64 列：请删去空列", "more than 64 columns: delete the empty ones"),
    "cell_too_long": ("有单元格超过 2000 字", "a cell has more than 2000 characters"),
    "unprintable": ("有不可见的控制字符", "it holds control characters"),
}  # fmt: skip


class Unreadable(Exception):
    """A file that is not read; `code` is one of `FAULTS`, `row` the row where that is known."""

    def __init__(self, code: str, row: int = 0) -> None:
        super().__init__(code)
        self.code, self.row = code, row


def read_table(raw: bytes) -> list[list[str]]:
    """The rows of a file's first sheet, each cell trimmed text, empty rows kept. Raises: Unreadable."""
    if len(raw) > MAX_BYTES:
        raise Unreadable("file_too_large")
    if not raw.strip():
        raise Unreadable("file_empty")
    if raw.startswith(_OLD_OFFICE):
        raise Unreadable("old_office")
    return _bounded(_xlsx(raw) if raw.startswith(b"PK\x03\x04") else _csv(raw))


def _bounded(rows: Iterable[list[Any]]) -> list[list[str]]:
    kept: list[list[str]] = []
    for number, row in enumerate(rows, 1):
        cells = [_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            raise Unreadable("too_many_columns", number)
        if any(len(cell) > MAX_CELL for cell in cells):
            raise Unreadable("cell_too_long", number)
        if any(_UNPRINTABLE.search(cell) for cell in cells):
            raise Unreadable("unprintable", number)
        kept.append(cells)
        if number > MAX_ROWS:
            raise Unreadable("too_many_rows", number)
    return kept


def _text(cell: Any) -> str:
    """A cell as it was typed: whole numbers without a point, dates as ISO has them."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == cell.min.time() else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).replace("\r\n", "\n").strip()


def _csv(raw: bytes) -> Iterable[list[str]]:
    if b"\x00" in raw:
        raise Unreadable("not_a_table")
    text = _decoded(raw)
    first = text.split("\n", 1)[0]
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True)
    except csv.Error:
        raise Unreadable("file_damaged") from None


def _decoded(raw: bytes) -> str:
    """The text of a CSV: UTF-8, or what Excel writes in Chinese."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("encoding_unknown")


def _xlsx(raw: bytes) -> list[list[Any]]:
    """The first sheet's rows. What reaches the library is bounded already, cell by cell."""
    checked = _repacked(raw)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(checked))
        return book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except BaseException as error:
        # A panic in the library's Rust is a BaseException of a class that cannot be imported.
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise Unreadable("file_damaged") from None


def _repacked(raw: bytes) -> bytes:
    """The parts of a workbook that were looked at, in a new archive. Raises: Unreadable."""
    target = io.BytesIO()
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(target, "w") as kept:
            entries = source.infolist()
            if len(entries) > MAX_PARTS:
                raise Unreadable("zip_bomb")
            for entry in {one.filename: one for one in entries if _KEPT.fullmatch(one.filename)}.values():
                part = _unpacked(source, entry, left)
                left -= len(part)
                _look_at(part)
                kept.writestr(entry.filename, part)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        # RuntimeError: an entry with a password. NotImplementedError: a compression that we do not have.
        raise Unreadable("file_damaged") from None
    return target.getvalue()


def _unpacked(source: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    """One part; what its header says of its size is not believed."""
    most = min(left, max(entry.compress_size, 1024) * MAX_RATIO)
    pieces, size = [], 0
    with source.open(entry) as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > most:
                raise Unreadable("zip_bomb")
            pieces.append(piece)
    return b"".join(pieces)


class _Scan:
    """Follows a part's markup, and stops at the first thing that a typed table does not have."""

    def __init__(self) -> None:
        self.depth = self.row = self.column = self.length = 0
        self.holds_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("markup_refused")
        local = name.rpartition(":")[2]
        # si: a shared string, which may stand in every cell.
        if local in ("si", "c"):
            self.holds_text, self.length = True, 0
        if local == "row":
            self._begin_row(attributes.get("r", ""))
        if local == "c":
            self._begin_cell(attributes.get("r"))

    def _begin_row(self, number: str) -> None:
        self.row, self.column = self.row + 1, 0
        if number.isascii() and number.isdigit() and len(number) < 8:
            self.row = int(number)
        self._within()

    def _begin_cell(self, place: str | None) -> None:
        self.column += 1
        if place is not None:
            placed = _REFERENCE.fullmatch(place)
            if placed is None:
                raise Unreadable("file_damaged")
            self.column, self.row = _column(placed[1]), int(placed[2])
        self._within()

    def end(self, name: str) -> None:
        self.depth -= 1
        if name.rpartition(":")[2] in ("si", "c"):
            self.holds_text = False

    def text(self, piece: str) -> None:
        self.length += len(piece)
        if self.holds_text and self.length > MAX_CELL * 2:
            raise Unreadable("cell_too_long", self.row)

    def _within(self) -> None:
        if self.row > MAX_ROWS + 1:
            raise Unreadable("too_many_rows")
        if self.column > MAX_COLUMNS:
            raise Unreadable("too_many_columns", self.row)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _refused(*_parts: Any) -> None:
    raise Unreadable("markup_refused")


def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
        raise Unreadable("markup_refused")


def _look_at(part: bytes) -> None:
    """Refuse a part with a DTD, another encoding, or more than a table holds. Raises: Unreadable."""
    scan, parser = _Scan(), expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refused
    parser.XmlDeclHandler = _declared
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    parser.buffer_text = True
    if part[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in part[:64]:
        raise Unreadable("markup_refused")
    try:
        parser.Parse(part, True)
    except expat.ExpatError:
        raise Unreadable("file_damaged") from None
