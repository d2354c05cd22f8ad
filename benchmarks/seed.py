"""A table as full as it is after years: one case goes through the real door, and its rows are multiplied.

Whatever the server writes for a case with a timeline of five and two photos (record, audience, history, typed
rows) is read back from its tables and written again and again, in big transactions, each time with ids,
digests, words and change sequences of its own. So a cursor, a page and a checkpoint find what they would find.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from uuid_utils import uuid7

from benchmarks.cases import SENTENCES, STEPS, Writer
from benchmarks.lines import Line, push_request
from benchmarks.rows import Text, tables_of
from benchmarks.site import Client, Site
from sync.store.base import Base

CHUNK = 5_000
# Values of a pool are used in turn; no two pools are of one length, so that they meet anew each time.
POOL = 4_001
_SEQUENCES = ("seq", "since")
Maker = Callable[[], str]


def _digits(count: int) -> Maker:
    top = 10**count
    return lambda: f"{random.randrange(top):0{count}}"


def _signature() -> str:
    return secrets.token_urlsafe(64)


def _time() -> str:
    ms = random.randrange(86_400_000)
    return f"2026-11-22T{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}+08:00"


# What the first case holds in the places where the others differ.
_TIMES = tuple(f"2026-11-21T01:02:03.{900 + index}+08:00" for index in range(len(STEPS)))
_TEXTS: dict[str, Maker] = {
    "这里是描述": lambda: "；".join(random.choices(SENTENCES, k=2)),
    "900913": _digits(3), "103.8090913": lambda: f"103.8{_digits(6)()}", "30.0090913": lambda: f"30.0{_digits(6)()}",
    "川Z90913": lambda: f"川Z{_digits(5)()}", "19990091300": lambda: f"199{_digits(8)()}",
    "DEMO90091300": lambda: f"DEMO{_digits(8)()}", **dict.fromkeys(_TIMES, _time),
}  # fmt: skip


def _pools(signatures: int) -> Iterator[tuple[str, ...]]:
    """Values for the texts and signatures of one case after the other."""
    makers = [*_TEXTS.values(), *[_signature] * signatures]
    return zip(*(cycle([make() for _ in range(POOL + index)]) for index, make in enumerate(makers)), strict=True)


def _first_case(writer: Writer, photos: int) -> list[dict[str, Any]]:
    case = str(uuid7())
    values = {
        "category": "0406", "source": "patrol", "address": "演示区演示路 900913 号附近",
        "description": "演示数据：这里是描述", "plates": ["川Z90913"], "shop_name": "演示小店", "amount_fen": 20_000,
        "position": {"lng": 103.8090913, "lat": 30.0090913, "coord_sys": "cgcs2000", "accuracy_m": 6},
        "party": {"kind": "person", "name": "演示当事人", "id_no": "DEMO90091300", "phone": "19990091300"},
        "legal_basis": ["演示依据第一条第一款"], "occurred_at": "2026-11-21T01:00:00.000+08:00", "priority_hint": 3,
    }  # fmt: skip
    steps = [
        writer.operation("append", case, list="timeline", item={"id": str(uuid7()), "step": step, "at": at})
        for step, at in zip(STEPS, _TIMES, strict=True)
    ]
    pictures = [writer.photo(case) for _ in range(photos)]
    return [writer.operation("create", case, set=values), *steps, *pictures]


@dataclass(slots=True)
class Mould:
    """The rows of one case, and what fills their holes. `rows`: (table, {column: constant or Text}).

    ids, digests: how many of each a case has; they are new in every case. offsets: of its change sequences.
    """

    rows: list[tuple[str, dict[str, Any]]]
    ids: int
    digests: int
    pools: Iterator[tuple[str, ...]]
    offsets: list[int]
    stride: int
    first_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    made: int = 0

    def values(self, first: int) -> list[str]:
        """The next case's values; `first`: the change sequence that its numbers follow."""
        self.made += 1
        stamp = f"{self.first_ms + self.made:012x}"
        head = f"{stamp[:8]}-{stamp[8:]}-7"
        noise = os.urandom(9 * self.ids + 32 * self.digests).hex()
        cut = 18 * self.ids
        ids = [f"{head}{noise[at:at + 3]}-8{noise[at + 3:at + 6]}-{noise[at + 6:at + 18]}" for at in range(0, cut, 18)]
        digests = [noise[at : at + 64] for at in range(cut, len(noise), 64)]
        return [*ids, *digests, *next(self.pools), *(str(first + offset) for offset in self.offsets)]


def mould(site: Site, client: Client, *, photos: int = 2, history: bool = True) -> Mould:
    """Push one case with its photos, and take the form of its rows.

    history: keep all of its operations; else only each record's newest, as after the inbox was pruned.
    """
    writer = client.writer()
    operations = _first_case(writer, photos)
    line = Line(site.port)
    reply = line.send(push_request(client.token, writer.body(operations)))
    line.close()
    if reply.status != 200 or reply.sent.count(b'"applied"') != len(operations):
        raise RuntimeError(f"the first case was not applied: {reply.status} {reply.sent[:300]!r}")
    own = {one["record"] for one in operations}
    with tables_of(site) as tables:
        own |= {row["id"] for _, row in tables.rows_naming("sync_operation", own)}
        rows = [found for table in Base.metadata.sorted_tables for found in tables.rows_naming(table.name, own)]
    if not history:
        rows = _newest(rows)
    elements = {one["item"]["id"] for one in operations if "item" in one}
    return _take_form(rows, sorted(own | elements))


def _newest(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    last: dict[str, int] = {}
    for table, row in rows:
        if table == "sync_operation":
            last[row["record"]] = max(last.get(row["record"], 0), int(row["version"] or 0))
    return [(t, row) for t, row in rows if t != "sync_operation" or int(row["version"] or 0) == last[row["record"]]]


def _take_form(rows: Sequence[tuple[str, dict[str, Any]]], ids: Sequence[str]) -> Mould:
    numbers = {int(row[name]) for _, row in rows for name in _SEQUENCES if row.get(name) is not None}
    low = min(numbers)
    digests = {row[name] for _, row in rows for name in ("sha256", "payload_sha256") if row.get(name)}
    signatures = {row["signature"] for _, row in rows if row.get("signature")}
    holes = {token: index for index, token in enumerate([*ids, *sorted(digests), *_TEXTS, *sorted(signatures)])}
    offsets = sorted(number - low + 1 for number in numbers)
    places = {offset: len(holes) + index for index, offset in enumerate(offsets)}
    find = re.compile("|".join(re.escape(token) for token in sorted(holes, key=len, reverse=True)))

    def form(name: str, value: Any) -> Any:
        if name in _SEQUENCES and value is not None:
            return Text("%s", (places[int(value) - low + 1],))
        if not isinstance(value, str) or not find.search(value):
            return value
        picked = tuple(holes[token] for token in find.findall(value))
        return Text(find.sub("%s", value.replace("%", "%%")), picked)

    formed = [(table, {name: form(name, value) for name, value in row.items()}) for table, row in rows]
    return Mould(formed, len(ids), len(digests), _pools(len(signatures)), offsets, max(offsets))


def multiply(site: Site, mould: Mould, cases: int) -> float:
    """Write as many cases of a mould; returns the seconds that it took."""
    begun = time.monotonic()
    with tables_of(site) as tables:
        pour = tables.pourer(mould.rows)
        for start in range(0, cases, CHUNK):
            count = min(CHUNK, cases - start)
            first = tables.take_numbers(count * mould.stride)
            pour([mould.values(first + index * mould.stride) for index in range(count)])
            tables.commit()
        tables.settle()
    return time.monotonic() - begun

