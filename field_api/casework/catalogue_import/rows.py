"""From a table's rows to items: each cell judged alone, then each item as a whole; nothing here knows a database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from field_api.casework.catalogue_import.columns import (
    COLUMNS,
    ITEM_COLUMNS,
    OF_FIELD,
    PARTIES,
    STEP_COLUMNS,
    Column,
    code_of,
    key_of,
)
from field_api.casework.catalogue_import.report import Finding
from field_api.casework.law.catalogue import (
    CODE,
    LARGEST_FEN,
    LOCAL_FACTOR,
    Exempt,
    Item,
    Penalty,
    Step,
    contradictions,
)

_SEPARATOR = re.compile(r"[;；\n]+")
_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_MONEY = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
MOST_ENTRIES = {"list": 10, "category*": 20, "penalty_kind*": 13, "measure_kind*": 8, "factor*": 10}
MOST_STEPS = 30
_SHOWN = 40


@dataclass(slots=True)
class Draft:
    """An item while its lines are read. line: its first; code: as typed; item: None while something is wrong."""

    line: int
    code: str
    values: dict[str, Any]
    steps: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    item: Item | None = None


def drafts(table: Sequence[Sequence[str]]) -> tuple[list[Draft], list[Finding]]:
    """The items of a table, each with what is wrong with it, and what is wrong with the table itself."""
    heading = next((number for number, row in enumerate(table) if any(row)), None)
    if heading is None:
        return [], [Finding(0, "", "file_empty")]
    keys, faults = _headings(table[heading], heading + 1)
    if faults:
        return [], faults
    found, loose = _grouped(table[heading + 1 :], keys, heading + 2)
    if not found and not loose:
        loose.append(Finding(0, "", "nothing_in_it"))
    for draft in found:
        _finish(draft)
    return found, loose


def _headings(row: Sequence[str], line: int) -> tuple[list[str], list[Finding]]:
    keys = [key_of(cell) if cell else "" for cell in row]
    if not any(keys):
        return [], [Finding(line, "", "no_heading")]
    faults = [Finding(line, "", "column_unknown", cell[:_SHOWN]) for cell, key in zip(row, keys, strict=True)
              if key is None]  # fmt: skip
    named = [key for key in keys if key]
    faults += [Finding(line, key, "column_twice") for key in dict.fromkeys(named) if named.count(key) > 1]
    faults += [
        Finding(line, key, "column_missing") for key, column in COLUMNS.items() if column.required and key not in named
    ]
    return [key or "" for key in keys], faults


def _grouped(rows: Sequence[Sequence[str]], keys: Sequence[str], first: int) -> tuple[list[Draft], list[Finding]]:
    """Put the lines of each item together: one that names an item begins it, those below without a name are steps."""
    found: list[Draft] = []
    loose: list[Finding] = []
    for line, row in enumerate(rows, first):
        if not any(row):
            continue
        filled = {key: cell for key, cell in zip(keys, row, strict=False) if key and cell}
        findings = _beyond(row, keys, line)
        is_step = "zh" not in filled and any(key in STEP_COLUMNS for key in filled)
        if not is_step:
            found.append(Draft(line, filled.get("code", ""), {}, findings=findings))
            found[-1].values = {key: _value(found[-1], line, key, filled.get(key, "")) for key in ITEM_COLUMNS}
        elif not found:
            loose.append(Finding(line, "step_code", "step_without_item"))
            continue
        else:
            found[-1].findings += findings + list(_misplaced(found[-1], filled, line))
        if any(key in STEP_COLUMNS for key in filled):
            _add_step(found[-1], filled, line)
    return found, loose


def _beyond(row: Sequence[str], keys: Sequence[str], line: int) -> list[Finding]:
    """Cells under no heading: a column was shifted, perhaps, so the line is not guessed at."""
    stray = [cell for number, cell in enumerate(row) if cell and (number >= len(keys) or not keys[number])]
    return [Finding(line, "", "beyond_headings", stray[0][:_SHOWN])] if stray else []


def _misplaced(draft: Draft, filled: Mapping[str, str], line: int) -> Iterator[Finding]:
    if "code" in filled and filled["code"] != draft.code:
        yield Finding(line, "code", "of_another_item", filled["code"][:_SHOWN])
    for key in filled:
        if key in ITEM_COLUMNS and key not in ("code", "valid_from"):
            yield Finding(line, key, "item_on_step_line", filled[key][:_SHOWN])


def _add_step(draft: Draft, filled: Mapping[str, str], line: int) -> None:
    step = {key: _value(draft, line, key, filled.get(key, "")) for key in STEP_COLUMNS}
    for key in ("step_code", "step_zh"):
        if not filled.get(key):
            draft.findings.append(Finding(line, key, "required"))
    if len(draft.steps) >= MOST_STEPS:
        draft.findings.append(Finding(line, "step_code", "too_many"))
        return
    draft.steps.append(step)


def _value(draft: Draft, line: int, key: str, cell: str) -> Any:
    """A cell's value by its column; what is wrong goes to the draft."""
    column = COLUMNS[key]
    several = column.kind == "list" or column.kind.endswith("*")
    if not cell:
        if column.required:
            draft.findings.append(Finding(line, key, "required"))
        return () if several else None
    if column.kind in ("text", "list") and cell[0] in "=+-@":
        draft.findings.append(Finding(line, key, "like_a_formula", cell[:_SHOWN]))
        return () if several else None
    parts = [one.strip() for one in _SEPARATOR.split(cell) if one.strip()] if several else [cell]
    if len(parts) > MOST_ENTRIES.get(column.kind, 1):
        draft.findings.append(Finding(line, key, "too_many", cell[:_SHOWN]))
        parts = []
    values = []
    for part in dict.fromkeys(parts):
        fault, value = _read(column, part)
        if fault:
            draft.findings.append(Finding(line, key, fault, part[:_SHOWN]))
        else:
            values.append(value)
    if several:
        return tuple(values)
    return values[0] if values else None


def _read(column: Column, text: str) -> tuple[str, Any]:
    """A fault's code and nothing, or nothing and the value."""
    kind = column.kind.removesuffix("*")
    if kind == "money":
        fen = _fen(text)
        return ("not_money", None) if fen is None else ("", fen)
    if kind == "day":
        day = _day(text)
        return ("not_a_day", None) if day is None else ("", day)
    if kind == "code":
        if not CODE.fullmatch(text):
            return "code_form", None
        return ("reserved", None) if text.startswith("DEMO-") else ("", text)
    if kind not in ("text", "list"):
        code = text if kind == "factor" and LOCAL_FACTOR.fullmatch(text) else code_of(kind, _padded(kind, text))
        return ("not_in_list", None) if code is None else ("", code)
    return ("too_long", None) if len(text) > column.longest else ("", text)


def _padded(kind: str, text: str) -> str:
    """A category's code with the zero that a spreadsheet took from its front."""
    return text.zfill(4) if kind == "category" and text.isascii() and text.isdigit() else text


def _fen(text: str) -> int | None:
    plain = text.replace(",", "").replace("，", "").removesuffix("元").strip()
    if not plain.isascii() or not _MONEY.fullmatch(plain):
        return None
    try:
        fen = int(Decimal(plain) * 100)
    except InvalidOperation:
        return None
    return fen if fen <= LARGEST_FEN else None


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    try:
        day = date(*map(int, match.groups())) if match and text.isascii() | ("年" in text) else None
    except ValueError:
        return None
    return day if day and 1949 <= day.year < 2200 else None


def _finish(draft: Draft) -> None:
    """Make the item where nothing is wrong with its cells, and judge it as a whole."""
    values = draft.values
    spoilt = {one.column for one in draft.findings}
    whole = bool(values["exempt_conditions"]) == bool(values["exempt_basis"])
    if not whole and not spoilt & {"exempt_conditions", "exempt_basis"}:
        draft.findings.append(Finding(draft.line, "exempt_basis", "condition_missing"))
    if draft.findings:
        return
    item = _item(values, draft.steps)
    draft.findings += [
        Finding(draft.line, OF_FIELD.get(where, where), code) for code, where in dict.fromkeys(contradictions(item))
    ]
    draft.item = None if draft.findings else item


def _item(values: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Item:
    return Item(
        code=values["code"],
        zh=values["zh"],
        en=values["en"] or values["zh"],
        breaks=values["breaks"],
        applies=values["applies"],
        subject=values["subject"],
        authority=values["authority"] or "",
        categories=values["categories"],
        penalties={
            party: Penalty(values[f"{party}_kinds"], values[f"{party}_min"], values[f"{party}_max"])
            for party in PARTIES
            if values[f"{party}_kinds"] or values[f"{party}_min"] is not None or values[f"{party}_max"] is not None
        },
        steps=tuple(_step(one) for one in steps),
        exempt=Exempt(values["exempt_conditions"], values["exempt_basis"]) if values["exempt_basis"] else None,
        measures=values["measures"],
        valid_from=values["valid_from"],
        valid_to=values["valid_to"],
        source=values["source"],
        read=values["read"] or "local",
    )


def _step(one: Mapping[str, Any]) -> Step:
    ends = one["step_min"], one["step_max"]
    name = one["step_zh"]
    return Step(one["step_code"], name, one["step_en"] or name, one["step_party"], *ends, one["step_factors"])
