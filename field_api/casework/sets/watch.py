"""The watch-list: plates that are looked for, as the last import brought them, and the set that terminals hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework.law import plates
from field_api.casework.sets import content, lists, shelf
from field_api.casework.sets.lists import Column, Refused, Report
from field_api.casework.sets.models import WatchEntry
from sync.store.upsert import upsert

NAME = "watch"
REASONS: Mapping[str, tuple[str, str]] = {
    "stolen": ("被盗抢", "stolen or robbed"),
    "cloned": ("套牌嫌疑", "suspected of a cloned plate"),
    "unsettled": ("违法未处理", "violations not dealt with"),
    "spills": ("多次抛撒", "spilled repeatedly"),
    "no_permit": ("无运输许可", "carries without a permit"),
    "fled": ("曾逃逸", "fled before"),
    "scrapped": ("达到报废标准", "due for scrapping"),
    "not_inspected": ("逾期未检验", "inspection overdue"),
    "other": ("其他", "other"),
}
_COLUMNS = (
    Column("plate", ("号牌号码", "号牌", "车牌", "车牌号"), required=True),
    Column("reason", ("原因", "布控原因", "类别"), required=True),
    Column("note", ("备注", "说明")),
    Column("valid_to", ("有效期至", "截止日期")),
)
_TABLE = cast(sa.Table, WatchEntry.__table__)
Rows = dict[tuple[str, str], dict[str, object]]


def take(raw: bytes) -> tuple[Report, Rows]:
    """Read a list; what stands in it by plate and reason."""
    rows: Rows = {}

    def line(cells: Mapping[str, str]) -> None:
        plate = plates.compact(cells["plate"])
        if plates.plate_fault(plate):
            raise Refused("plate", "plate_impossible")
        reason, valid_to = _reason(cells["reason"]), lists.day(cells, "valid_to")
        if (plate, reason) in rows:
            raise Refused("plate", "twice")
        rows[plate, reason] = {
            "plate": plate,
            "reason": reason,
            "note": cells["note"][:200] or None,
            "valid_to": valid_to.isoformat() if valid_to else None,
        }

    return lists.read(raw, _COLUMNS, line), rows


def replace(session: Session, key: bytes, rows: Rows, now: datetime, source: str) -> None:
    """Make the list hold exactly what was read. key: of the set. Writes: watch_entry, the set."""
    numbers = shelf.numbers(session, NAME, REASONS, now)
    session.execute(sa.delete(WatchEntry))
    upsert(session, _TABLE, [{**row, "imported_at": now} for row in rows.values()])
    entries = set()
    for (plate, reason), row in rows.items():
        until = row["valid_to"]
        last = date.fromisoformat(str(until)) if until else None
        entries.add(content.pack(content.digest(key, "plate", plate), numbers[reason], last))
    shelf.replace(session, NAME, entries, now, source)


def _reason(text: str) -> str:
    found = next((code for code, words in REASONS.items() if text in (code, *words)), None)
    if found is None:
        raise Refused("reason", "unknown_code")
    return found
